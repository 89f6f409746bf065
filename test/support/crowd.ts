import assert from 'node:assert/strict';
import { seeded } from '../../bench/shared/random.ts';
import type { Event } from '../../functions/src/events/event.ts';
import { sweepSpool } from '../../functions/src/staging/spool.ts';
import type { Fate } from './fate.ts';
import { memoryLogger } from './logger.ts';
import type { Instance, Pipeline } from './pipeline.ts';

/** Few enough that no carrier is given up: what is tested is that nothing is lost, not when to stop trying. */
const maxCrashes = 4;
const maxFailures = 8;

/** A process that may die: what it was working on is never answered, and nothing it asks for happens any more. */
interface Mortal {
  instance: Instance;
  death: Promise<never>;
}

/** Flushers that share the work; each call of theirs may fail, be done and not answered, or be their last. */
class Crowd {
  readonly #pipeline: Pipeline;
  readonly #random: () => number;
  readonly #alive: Mortal[];
  #crashes = 0;
  #failures = 0;

  constructor(pipeline: Pipeline, size: number, random: () => number) {
    this.#pipeline = pipeline;
    this.#random = random;
    this.#alive = Array.from({ length: size }, () => this.#birth());
    pipeline.tasks.deliver = ({ queue }, dispatch) => {
      const chosen = this.#alive[Math.floor(random() * this.#alive.length)];
      assert(chosen);
      return Promise.race([chosen.instance[queue](dispatch), chosen.death]);
    };
  }

  get crashes(): number {
    return this.#crashes;
  }

  #birth(): Mortal {
    const { deliver } = this.#pipeline.tasks;
    let isDead = false;
    let die = (): void => undefined;
    const death = new Promise<never>((_, reject) => {
      die = () => reject(new Error('The instance died.'));
    });
    death.catch(() => undefined);
    const instance = this.#pipeline.start(() => {
      if (isDead) return 'died before';
      const fate = this.#fate();
      if (fate.startsWith('died')) {
        isDead = true;
        this.#alive[this.#alive.indexOf(mortal)] = this.#birth();
        die();
      }
      return fate;
    });
    if (deliver !== undefined) this.#pipeline.tasks.deliver = deliver;
    const mortal = { instance, death };
    return mortal;
  }

  #fate(): Fate {
    const draw = this.#random();
    if (draw < 0.08 && this.#crashes < maxCrashes) {
      this.#crashes += 1;
      return draw < 0.04 ? 'died before' : 'died after';
    }
    if (draw > 0.88 && this.#failures < maxFailures) {
      this.#failures += 1;
      return draw < 0.94 ? 'lost' : 'failed';
    }
    return 'done';
  }
}

/** The work of the scheduled function each minute. */
async function sweep({ objects, tasks, clock }: Pipeline): Promise<void> {
  const queues = { flush: tasks.connect('flush'), expire: tasks.connect('expire') };
  await sweepSpool({ objects: objects.connect(), queues, clock, logger: memoryLogger() });
}

/** Lets a crowd of flushers work on groups of events, with faults, until all is over. Returns how often one crashed. */
export async function runCrowd<E extends Event>(
  pipeline: Pipeline,
  groups: readonly (readonly E[])[],
  { size, seed }: { size: number; seed: number },
): Promise<number> {
  const random = seeded(seed);
  pipeline.tasks.delayMs = () => Math.floor(random() * 3_000);
  pipeline.tasks.copies = () => (random() < 0.1 ? 2 : 1);
  const crowd = new Crowd(pipeline, size, random);
  for (const group of groups) {
    await pipeline.accept(group);
    if (random() < 0.3) await pipeline.tick();
  }
  for (let quarter = 0; quarter < 20; quarter += 1) {
    await pipeline.clock.advance(hourMs / 4);
    await sweep(pipeline);
  }
  return crowd.crashes;
}

const hourMs = 3_600_000;
