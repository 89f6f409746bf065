import { laterOf, stampMs } from '../events/stamp.ts';
import { countedAnswers } from './answers.ts';
import { latestEvaluation } from './evaluations.ts';
import type { TaskState, TaskStatus } from './state.ts';

/** The outcome of a task: its status and how it came to it, by the stamps of its events alone. */
interface Outcome {
  status: TaskStatus;
  /** True once its responses or its deadline decided it, so that no deadline need be waited for. */
  isDecided: boolean;
  completedAtMs: number | null;
  completionReason: 'responses' | 'timeout' | 'explicit' | null;
  /** The deadline, where it decided the task. */
  decidedByDeadlineMs: number | null;
}

type Computed = Omit<Outcome, 'status' | 'isDecided'> & {
  status: 'pending' | 'in_progress' | 'completed' | 'failed';
};

/** Ranks of statuses; the computed `failed` outranks every explicit one but `completed`. */
const ranks = { pending: 0, assigned: 1, in_progress: 2, failed: 3, completed: 4 } as const;
const ranked = ['pending', 'assigned', 'in_progress', 'completed'] as const;
const final = ['approved', 'failed', 'cancelled'] as const;

/** Derives a task's outcome; the order in which its events arrived plays no part. */
export function outcomeOf(state: TaskState): Outcome {
  const computed = compute(state);
  const explicit = computed.status === 'completed' ? undefined : state.statuses.get('completed');
  return {
    ...computed,
    ...(explicit && { completedAtMs: stampMs(explicit.first), completionReason: 'explicit' }),
    status: latestFinal(state) ?? highest(state, computed.status),
    isDecided: computed.status === 'completed' || computed.status === 'failed',
  };
}

/** Derives what responses and deadline say, whatever statuses were set. */
function compute(state: TaskState): Computed {
  const answers = countedAnswers(state);
  const nothing = { completedAtMs: null, completionReason: null, decidedByDeadlineMs: null };
  const open: Computed = { ...nothing, status: answers.length > 0 ? 'in_progress' : 'pending' };
  if (state.creation === undefined) return open;
  const { deadlineMs, requiredMinerCount, minMinerCount } = state.creation;
  const inTime = answers.filter(({ countsFrom }) => stampMs(countsFrom) < deadlineMs);
  const completing = inTime[requiredMinerCount - 1];
  if (completing !== undefined) {
    const completedAtMs = stampMs(completing.countsFrom);
    return { ...nothing, status: 'completed', completedAtMs, completionReason: 'responses' };
  }
  if ((state.deadlinePassedMs ?? 0) < deadlineMs) return open;
  const decided = { ...nothing, decidedByDeadlineMs: deadlineMs };
  return inTime.length >= minMinerCount
    ? { ...decided, status: 'completed', completedAtMs: deadlineMs, completionReason: 'timeout' }
    : { ...decided, status: 'failed' };
}

function latestFinal(state: TaskState): TaskStatus | undefined {
  let latest: { status: TaskStatus; stamp: string } | undefined;
  for (const status of final) {
    const set = state.statuses.get(status)?.last;
    const stamp = status === 'approved' ? laterOf(set, latestEvaluation(state)) : set;
    if (stamp !== undefined && (latest === undefined || stamp > latest.stamp)) latest = { status, stamp };
  }
  return latest?.status;
}

function highest({ statuses }: TaskState, computed: Computed['status']): TaskStatus {
  return ranked
    .filter((status) => statuses.has(status))
    .reduce<keyof typeof ranks>((best, status) => (ranks[status] > ranks[best] ? status : best), computed);
}
