import type { Body, TaskEvent } from '../events/event.ts';
import type { Committed } from '../flush/kind.ts';
import { ByteCache } from '../platform/byteCache.ts';
import type { Json } from '../platform/json.ts';
import { mapPool } from '../platform/pool.ts';
import type { Using } from '../platform/services.ts';
import { fieldForJson, fieldsBytes } from '../platform/values.ts';
import { neverExpiresMs, storeBody } from '../staging/bodies.ts';
import { type ProjectionOptions, retentionOf } from './document.ts';
import { ownOf } from './evaluations.ts';
import { bodiesInFlight } from './limits.ts';
import { type Answer, bodiesOf, type HeldEvaluation, type TaskState } from './state.ts';

export interface TaskBodiesOptions extends ProjectionOptions, Using<'clock' | 'ids' | 'logger' | 'objects'> {}

/**
 * Puts bodies of responses and evaluations into Cloud Storage where a document would be too large; keeps them and lets
 * them go with their task.
 */
export class TaskBodies {
  readonly #options: TaskBodiesOptions;
  /** The custom times that this process gave to bodies, by object; forgetting one costs one operation. */
  readonly #customTimesMs = new ByteCache<number>(maxRememberedBytes);

  constructor(options: TaskBodiesOptions) {
    this.#options = options;
  }

  /** Moves a task's largest bodies into objects, until so many bytes have left its document or none is left to move. */
  async shrink(state: TaskState, excessBytes: number): Promise<TaskState> {
    const responses = new Map(state.responses);
    const evaluations = new Map(state.evaluations);
    const inside = [...insideResponses(responses), ...insideEvaluations(evaluations)];
    const bySize = inside
      .map((part) => ({ ...part, bytes: fieldsBytes(fieldForJson('response_data', part.data)) }))
      .sort((a, b) => b.bytes - a.bytes);
    let excess = excessBytes;
    const moved: Inside[] = [];
    for (const { bytes, ...part } of bySize) {
      if (excess <= 0) break;
      moved.push(part);
      excess -= Math.max(0, bytes - referenceBytes);
    }
    await mapPool(moved, bodiesInFlight, async ({ data, replace }) => {
      replace(await storeBody(Buffer.from(JSON.stringify(data)), this.#options));
    });
    return { ...state, responses, evaluations };
  }

  /**
   * Follows a commit: keeps the bodies that the task refers to, and deletes those it no longer refers to, also those
   * that are noted. Whoever committed before may have died before this, so only what this process kept itself is not
   * repeated. Throws AppError `unavailable`; the delivery must then come again.
   */
  async follow({ before, after }: Committed<TaskEvent, TaskState>): Promise<void> {
    const { retentionMs, clock } = this.#options;
    const ownRetentionMs = retentionOf(after, retentionMs);
    const untilMs = ownRetentionMs > 0 ? clock.now() + ownRetentionMs : neverExpiresMs;
    const present = bodiesOf(after);
    const due = [...present].filter(
      (object) => (this.#customTimesMs.get(object) ?? 0) < untilMs - customTimeSlackMs,
    );
    const earlier = new Set([...(after.replacedBodies ?? []), ...bodiesOf(before)]);
    const replaced = [...earlier].filter((object) => !present.has(object));
    await mapPool(due, bodiesInFlight, (object) => this.#keep(object, untilMs));
    await mapPool(replaced, bodiesInFlight, (object) => this.#options.objects.delete(object));
  }

  async #keep(object: string, untilMs: number): Promise<void> {
    const { objects, logger } = this.#options;
    if (!(await objects.setCustomTime(object, untilMs))) logger.error('A body is missing', { object });
    this.#customTimesMs.set(object, untilMs, rememberedBytes);
  }
}

/**
 * The bucket's rule leaves bodies for 60 days more, so that a task may be written for a day before its bodies follow.
 */
const customTimeSlackMs = 86_400_000;

/** About what remembering a body takes in memory; the bound is 20,000 of them. */
const rememberedBytes = 200;
const maxRememberedBytes = 20_000 * rememberedBytes;

/** About what a reference to a body takes in the document. */
const referenceBytes = 100;

/** Data that a document has inside, and what puts a body in its place. */
interface Inside {
  data: Json;
  replace: (body: Body) => void;
}

function insideResponses(responses: Map<string, Answer>): Inside[] {
  return [...responses].flatMap(([key, answer]) => {
    const { response_data: data, ...rest } = answer.value;
    const replace = (body: Body) => void responses.set(key, { ...answer, value: { ...rest, body } });
    return data === undefined ? [] : [{ data, replace }];
  });
}

function insideEvaluations(evaluations: Map<string, HeldEvaluation>): Inside[] {
  return ownOf(evaluations).flatMap(({ value: { evaluation_data: data, ...rest }, stamp }) => {
    const uid = String(rest.validator_uid);
    const replace = (body: Body) => void evaluations.set(uid, { value: { ...rest, body }, stamp });
    return data === undefined ? [] : [{ data, replace }];
  });
}
