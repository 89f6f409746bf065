import type { ResponseReceived, TaskEvent } from '../events/event.ts';
import type { Committed } from '../flush/kind.ts';
import { messageOf } from '../platform/errors.ts';
import type { ObjectStore } from '../platform/objects.ts';
import type { Using } from '../platform/services.ts';
import { dayOf, decodeTally, encodeTally, type OrphanTally, orphansObject } from './orphanTally.ts';
import { isOrphan, type TaskState } from './state.ts';

/** The tally is written each time a key's count passes another such part of what is allowed. */
const partsWritten = 10;

/** For so many miners one key may answer a task that has too many answers, before those count. */
const maxMinersOfKey = 16;

export interface OrphanCounterOptions extends Using<'clock' | 'logger'> {
  objects: Pick<ObjectStore, 'get' | 'put'>;
  /** ORPHANS_PER_KEY_PER_DAY; 0: nothing is counted. */
  orphansPerKey: number;
}

/**
 * Counts by key the tasks that only keys of miners know, and the answers that become dead letters. A creation takes its
 * task out of the counts again, so that answers which merely came before their task count as long as it is missing.
 * Tells those that accept answers; a count that a process takes with it is less than a part of what is allowed.
 */
export class OrphanCounter {
  readonly #options: OrphanCounterOptions;
  #tally: OrphanTally;
  /** True once the tally holds the counts of earlier processes of this day. */
  #isLoaded = false;
  /** By key the parts of what is allowed that were used up when the tally was written. */
  #written = new Map<string, number>();

  constructor(options: OrphanCounterOptions) {
    this.#options = options;
    this.#tally = { day: dayOf(options.clock.now()), keys: new Map() };
  }

  /** Takes in a commit. */
  count(committed: Committed<TaskEvent, TaskState>): void {
    if (this.#options.orphansPerKey === 0) return;
    this.#beginDay();
    const before = orphanKeys(committed.before);
    const after = orphanKeys(committed.after);
    for (const key of after) if (!before.has(key)) this.#add(key, 1);
    for (const key of before) if (!after.has(key)) this.#add(key, -1);
  }

  /**
   * Takes in answers that their task had no place for. Only those of a key that answered it for many miners count:
   * without such a key no task has too many, and whoever else finds no place is not to blame.
   */
  countOverflow(overflow: readonly ResponseReceived[], kept: TaskState): void {
    if (this.#options.orphansPerKey === 0 || overflow.length === 0) return;
    this.#beginDay();
    const answers = Map.groupBy([...overflow, ...kept.responses.values()], ({ minerKey }) => minerKey);
    for (const { minerKey } of overflow) {
      if (minerKey === undefined) continue;
      if ((answers.get(minerKey)?.length ?? 0) > maxMinersOfKey) this.#add(minerKey, 1);
    }
  }

  /** Writes the tally where a count went a part up or down. What fails is done with the next change. */
  async save(): Promise<void> {
    const { objects, logger } = this.#options;
    if (this.#changedKeys().length === 0) return;
    try {
      if (!this.#isLoaded) await this.#load();
      const changed = this.#changedKeys();
      if (changed.length === 0) return;
      await objects.put(orphansObject, encodeTally(this.#tally), { contentType: 'application/json' });
      for (const key of changed) {
        const answers = this.#tally.keys.get(key);
        this.#written.set(key, this.#partsIn(answers));
        const message = 'Answers of a key are for tasks that nobody created, or that have no place';
        logger.warn(message, { key_id: key, answers });
      }
    } catch (error) {
      logger.warn('Counts of tasks that nobody created are not kept', { reason: messageOf(error) });
    }
  }

  #beginDay(): void {
    const day = dayOf(this.#options.clock.now());
    if (day === this.#tally.day) return;
    this.#tally = { day, keys: new Map() };
    this.#written = new Map();
    this.#isLoaded = false;
  }

  /** Below nothing only while it is not known what an earlier process counted, from which it is taken then. */
  #add(key: string, change: 1 | -1): void {
    const count = (this.#tally.keys.get(key) ?? 0) + change;
    this.#tally.keys.set(key, this.#isLoaded ? Math.max(0, count) : count);
  }

  async #load(): Promise<void> {
    const object = await this.#options.objects.get(orphansObject);
    const found = object && decodeTally(object.bytes);
    this.#isLoaded = true;
    const { day, keys } = this.#tally;
    const earlier = found?.day === day ? found.keys : new Map<string, number>();
    for (const key of new Set([...keys.keys(), ...earlier.keys()])) {
      keys.set(key, Math.max(0, (keys.get(key) ?? 0) + (earlier.get(key) ?? 0)));
      this.#written.set(key, this.#partsIn(earlier.get(key)));
    }
  }

  #changedKeys(): string[] {
    const { keys } = this.#tally;
    return [...keys.keys()].filter((key) => this.#partsIn(keys.get(key)) !== (this.#written.get(key) ?? 0));
  }

  #partsIn(count = 0): number {
    return Math.floor(count / Math.ceil(this.#options.orphansPerKey / partsWritten));
  }
}

/** The keys that answered a task of which nobody else knows. */
function orphanKeys(state: TaskState): Set<string> {
  if (!isOrphan(state)) return new Set();
  const known = [...state.responses.values()].filter(({ isErased }) => !isErased);
  return new Set(known.flatMap(({ minerKey }) => minerKey ?? []));
}
