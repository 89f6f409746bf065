import { stampMs } from '../events/stamp.ts';
import { countedAnswers } from './answers.ts';
import type { TaskState, TaskStatus } from './state.ts';

/** What a task's responses and deadline say, and what is shown in the end. */
export interface Outcome {
  status: TaskStatus;
  /** Whether its responses or its deadline have settled it, so that no deadline need be waited for. */
  settled: boolean;
  completedAtMs: number | null;
  completionReason: 'responses' | 'timeout' | 'explicit' | null;
  /** The deadline, where it is what settled the task. */
  decidedByDeadlineMs: number | null;
}

type Computed = Pick<Outcome, 'completedAtMs' | 'completionReason' | 'decidedByDeadlineMs'> & {
  status: 'pending' | 'in_progress' | 'completed' | 'failed';
};

/** Ranks of statuses; the computed `failed` outranks every explicit one but `completed`. */
const ranks = { pending: 0, assigned: 1, in_progress: 2, failed: 3, completed: 4 } as const;
const ranked = ['pending', 'assigned', 'in_progress', 'completed'] as const;
const final = ['approved', 'failed', 'cancelled'] as const;

/** The status a task has, by the stamps of its events alone: the order of their arrival plays no part. */
export function outcomeOf(state: TaskState): Outcome {
  const computed = compute(state);
  const settled = computed.status === 'completed' || computed.status === 'failed';
  const explicitCompletion = state.statuses.get('completed');
  const completion =
    computed.status !== 'completed' && explicitCompletion !== undefined
      ? { completedAtMs: stampMs(explicitCompletion.first), completionReason: 'explicit' as const }
      : { completedAtMs: computed.completedAtMs, completionReason: computed.completionReason };
  return {
    status: latestFinal(state) ?? highest(state, computed.status),
    settled,
    ...completion,
    decidedByDeadlineMs: computed.decidedByDeadlineMs,
  };
}

function compute(state: TaskState): Computed {
  const answers = countedAnswers(state);
  const open = {
    status: answers.length > 0 ? 'in_progress' : 'pending',
    completedAtMs: null,
    completionReason: null,
    decidedByDeadlineMs: null,
  } as const;
  const { creation } = state;
  if (creation === undefined) return open;
  const { deadlineMs, requiredMinerCount, minMinerCount } = creation;
  const inTime = answers.filter(({ countsFrom }) => stampMs(countsFrom) < deadlineMs);
  const completing = inTime[requiredMinerCount - 1];
  if (completing !== undefined) {
    return {
      status: 'completed',
      completedAtMs: stampMs(completing.countsFrom),
      completionReason: 'responses',
      decidedByDeadlineMs: null,
    };
  }
  if ((state.deadlinePassedMs ?? 0) < deadlineMs) return open;
  return inTime.length >= minMinerCount
    ? {
        status: 'completed',
        completedAtMs: deadlineMs,
        completionReason: 'timeout',
        decidedByDeadlineMs: deadlineMs,
      }
    : { status: 'failed', completedAtMs: null, completionReason: null, decidedByDeadlineMs: deadlineMs };
}

function latestFinal(state: TaskState): TaskStatus | undefined {
  let latest: { status: TaskStatus; stamp: string } | undefined;
  for (const status of final) {
    const stamp = state.statuses.get(status)?.last;
    if (stamp !== undefined && (latest === undefined || stamp > latest.stamp)) latest = { status, stamp };
  }
  return latest?.status;
}

function highest(state: TaskState, computed: Computed['status']): TaskStatus {
  let best: keyof typeof ranks = computed;
  for (const status of ranked) {
    if (state.statuses.has(status) && ranks[status] > ranks[best]) best = status;
  }
  return best;
}
