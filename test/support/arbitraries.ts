import fc from 'fast-check';
import { marked, type TaskEvent } from '../../functions/src/events/event.ts';
import type { Json, JsonObject } from '../../functions/src/platform/json.ts';
import { taskStatuses } from '../../functions/src/tasks/state.ts';
import { startMs } from './clock.ts';
import { created, erased, evaluated, patched, response } from './events.ts';
import { timeoutMs } from './storedTask.ts';

/** Values of all kinds, those that Firestore has no form for among them. */
const value: fc.Arbitrary<Json> = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.string({ maxLength: 8 }),
  fc.constantFrom<Json>(
    null,
    [],
    [[1], [2, [3]]],
    { __reserved__: true },
    { '': 0 },
    { deep: { list: [{ in: [1] }] } },
    9_007_199_254_740_993n,
    [[-(2n ** 63n)]],
    'half \ud83d',
    '{"a":1}',
    'x'.repeat(3_000),
  ),
);

const status = fc.constantFrom(...taskStatuses, 'unheard of');
const miners = fc.integer({ min: 1, max: 4 });

const fields: fc.Arbitrary<JsonObject> = fc.record(
  {
    task_type: fc.constantFrom('a', 'b'),
    input_text: value,
    input_text_json: value,
    metadata: value,
    voice_name: value,
    voice_name_json: value,
    assigned_miners: fc.option(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 3 })),
    status,
  },
  { requiredKeys: [] },
);

/** Moments around the deadlines of tasks that are created within a second of the start. */
const moment = fc.oneof(
  fc.integer({ min: 0, max: 1_000 }),
  fc.integer({ min: timeoutMs - 3, max: timeoutMs + 1_003 }),
  fc.integer({ min: 0, max: timeoutMs * 2 }),
);

/** A proxy, or a miner's key; some count whoever was asked. */
const source = fc.constantFrom(
  {},
  {},
  { minerKey: 'a' },
  { minerKey: 'b' },
  { minerKey: 'b', countsUnassigned: true as const },
);

const validator = fc.constantFrom(0, 1, 2, 'unknown' as const);

const hotkeys = ['5A', '5B'];

const score = fc.constantFrom(0, 0.5, 0.75, 1);

/** One task's events, each with a stamp of its own. */
export function taskEvents(taskId: string, maxMinerUid = 9): fc.Arbitrary<TaskEvent[]> {
  const creation = fc
    .tuple(
      fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 1_000 })),
      fields,
      fc.record({ required_miner_count: miners, min_miner_count: miners }, { requiredKeys: [] }),
    )
    .map(
      ([at, given, counts]) =>
        (sequence: number) =>
          created(taskId, startMs + at, { ...given, ...counts }, { sequence }),
    );
  const patch = fc.tuple(moment, fields).map(
    ([at, given]) =>
      (sequence: number) =>
        patched(taskId, startMs + at, given, { sequence }),
  );
  const answer = fc
    .record({
      at: moment,
      uid: fc.integer({ min: 0, max: maxMinerUid }),
      accuracy: score,
      speed: score,
      data: value,
      from: source,
      hotkey: fc.constantFrom(null, ...hotkeys),
    })
    .map(({ at, uid, accuracy, speed, data, from, hotkey }) => (sequence: number): TaskEvent => {
      const scores = { accuracy_score: accuracy, speed_score: speed, processing_time: sequence };
      const changes = { ...scores, response_data: data, hotkey };
      return { ...response(taskId, startMs + at, uid, changes, sequence), ...from };
    });
  const evaluation = fc.tuple(moment, validator, value).map(
    ([at, uid, data]) =>
      (sequence: number) =>
        evaluated(taskId, startMs + at, uid, { evaluation_data: data }, sequence),
  );
  const erasure = fc
    .tuple(moment, fc.integer({ min: 0, max: maxMinerUid }), fc.constantFrom(undefined, ...hotkeys))
    .map(
      ([at, uid, hotkey]) =>
        (sequence: number) =>
          erased(taskId, startMs + at, uid, hotkey, sequence),
    );
  return fc
    .tuple(
      fc.array(creation, { maxLength: 3 }),
      fc.array(patch, { maxLength: 4 }),
      fc.array(answer, { maxLength: 12 }),
      fc.array(evaluation, { maxLength: 4 }),
      fc.array(erasure, { maxLength: 2 }),
    )
    .map((makers) => makers.flat().map((make, sequence): TaskEvent => marked(make(sequence))))
    .filter((events) => events.length > 0);
}

/** An order, repetitions and grouping of some items: each is in at least one group. */
export function regrouped<Item>(items: readonly Item[]): fc.Arbitrary<Item[][]> {
  const all = fc.tuple(
    fc.shuffledSubarray([...items], { minLength: items.length, maxLength: items.length }),
    fc.array(fc.constantFrom(...items), { maxLength: 6 }),
  );
  return all
    .chain(([each, again]) => {
      const delivered = [...each, ...again];
      return fc.tuple(
        fc.shuffledSubarray(delivered, { minLength: delivered.length, maxLength: delivered.length }),
        fc.array(fc.boolean(), { minLength: delivered.length, maxLength: delivered.length }),
      );
    })
    .map(([delivered, isLast]) => {
      const groups: Item[][] = [[]];
      for (const [index, item] of delivered.entries()) {
        groups.at(-1)?.push(item);
        if (isLast[index]) groups.push([]);
      }
      return groups.filter((group) => group.length > 0);
    });
}
