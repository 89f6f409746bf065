import { bytes, number, utc } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Section } from '../ui/section.tsx';
import { Long } from './long.tsx';
import { type Answer, answersOf, evaluationsOf, fieldsOf, happeningsOf, type Task } from './task.ts';

/** Characters of a body that are shown of each answer. */
const bodyCharacters = 4_000;

/** A task with its history, answers, evaluations and fields. */
export function TaskShown({ task, id, nowMs }: { task: Task; id: string; nowMs: number }) {
  const answers = answersOf(task);
  const evaluations = evaluationsOf(task);
  const count = task['response_count'];
  const required = task['required_miner_count'];
  const best = task['best_response'] as { miner_uid?: unknown; score?: unknown } | null | undefined;
  return (
    <>
      <Section
        title={`Task ${id}`}
        actions={<span class={`tag ${toneOf(task['status'])}`}>{String(task['status'] ?? 'unknown')}</span>}
      >
        <dl class="facts">
          <div>
            <dt>Type</dt>
            <dd>{String(task['task_type'] ?? 'not said yet')}</dd>
          </div>
          <div>
            <dt>Answers that count</dt>
            <dd>
              {typeof count === 'number' ? number(count) : answers.length}
              {typeof required === 'number' && ` of ${required} required`}
            </dd>
          </div>
          <div>
            <dt>Best answer</dt>
            <dd>
              {best?.miner_uid === undefined
                ? 'none yet'
                : `miner ${best.miner_uid}, score ${best.score ?? 'unknown'}`}
            </dd>
          </div>
        </dl>
      </Section>
      <Section title="History" note="From the times that the task’s document keeps.">
        <ol class="history">
          {happeningsOf(task).map(({ atMs, what, detail }, index) => (
            <li key={index}>
              <time datetime={new Date(atMs).toISOString()} title={utc(atMs)}>
                {preciseTime(atMs)}
              </time>
              <span>
                {what}
                {detail !== undefined && <span class="note"> {detail}</span>}
              </span>
            </li>
          ))}
        </ol>
      </Section>
      <Section title={`Answers (${number(answers.length)})`}>
        {answers.length === 0 && (
          <p class="note">No miner has answered yet, or its answer is not written yet.</p>
        )}
        <ul class="rows">
          {answers.map((answer) => (
            <AnswerRow key={answer.uid} answer={answer} nowMs={nowMs} />
          ))}
        </ul>
      </Section>
      {evaluations.length > 0 && (
        <Section title={`Evaluations (${number(evaluations.length)})`}>
          {evaluations.map(({ uid, data }) => (
            <details key={uid}>
              <summary>Validator {uid}</summary>
              <Long value={data} most={bodyCharacters} label={`Evaluation of validator ${uid}`} />
            </details>
          ))}
        </Section>
      )}
      <Section title="Fields">
        <Long value={Object.fromEntries(fieldsOf(task))} label="Fields of the task" />
      </Section>
    </>
  );
}

function AnswerRow({ answer, nowMs }: { answer: Answer; nowMs: number }) {
  const { uid, isBest, counts, receivedAtMs, processingSeconds, accuracy, speed, hotkey, leftOutBytes } =
    answer;
  const figures = [
    accuracy !== undefined && `accuracy ${accuracy}`,
    speed !== undefined && `speed ${speed}`,
    processingSeconds !== undefined && `${number(processingSeconds)} s of work`,
    hotkey,
  ].filter((each) => typeof each === 'string');
  return (
    <li class="row">
      <div class="row-main">
        <p class="row-title">
          <span class="row-about">Miner {uid}</span>
          {isBest && <span class="tag good">best</span>}
          {!counts && <span class="tag warn">does not count</span>}
        </p>
        <p class="note">
          {receivedAtMs !== undefined && (
            <>
              accepted <Moment ms={receivedAtMs} nowMs={nowMs} seconds />
              {figures.length > 0 && ' · '}
            </>
          )}
          {figures.join(' · ')}
        </p>
        {leftOutBytes !== undefined ? (
          <p class="note">
            Its body of {bytes(leftOutBytes)} is in Cloud Storage, and too large to be shown with the others.
          </p>
        ) : (
          <details>
            <summary>Body</summary>
            <Long value={answer.data ?? null} most={bodyCharacters} label={`Answer of miner ${uid}`} />
          </details>
        )}
      </div>
    </li>
  );
}

function toneOf(status: unknown): string {
  if (status === 'completed' || status === 'approved') return 'good';
  return status === 'failed' || status === 'cancelled' ? 'bad' : '';
}

/** A moment to the millisecond, as the order of events is what matters. */
function preciseTime(ms: number): string {
  return new Date(ms).toLocaleString(undefined, {
    month: 'short',
    day: 'numeric',
    hour: 'numeric',
    minute: '2-digit',
    second: '2-digit',
    fractionalSecondDigits: 3,
  });
}
