import type { Firestore } from '@google-cloud/firestore';
import type { LocalStack } from '../../../local/stack.ts';
import { check } from './check.ts';
import { Client, Refused } from './client.ts';
import { Model } from './model.ts';
import { type Action, type Blow, type Call, type Episode, isBlow, spanMs } from './story.ts';

export interface EpisodeResult {
  /** Broken promises in words; none where all held. */
  faults: string[];
  calls: number;
  kept: number;
  kills: number;
  slowestMs: number;
}

interface EpisodeOptions {
  stack: LocalStack;
  db: Firestore;
  taskTimeoutMs: number;
  /** Called between the end of the traffic and the checks, to do harm that they must see. */
  tamper?: (model: Model) => Promise<void>;
}

/** A proxy's wait before it repeats a call that was not kept. */
const repeatAfterMs = 2_000;
const maxRepeats = 600;

/**
 * Time after the last deadline by which all must be right: the longest pause after an outage, and the longest retry.
 */
const restMs = 30 * 60_000;
const restStepMs = 60_000;

/**
 * Sends an episode's traffic through its blows, lets all come to rest, and compares what is stored with what was told.
 */
export async function runEpisode(episode: Episode, options: EpisodeOptions): Promise<EpisodeResult> {
  const run = new Run(options);
  for (const action of episode.actions) {
    await run.advanceTo(action.atMs);
    await run.act(action);
  }
  await run.advanceTo(spanMs);
  await run.rest();
  await options.tamper?.(run.model);
  const faults = [...run.faults, ...(await inTheEnd(run.model, options))];
  return { faults, calls: run.calls, kept: run.kept, kills: run.kills, slowestMs: run.client.slowestMs };
}

/** Faults that time does not mend. */
async function inTheEnd(model: Model, options: EpisodeOptions): Promise<string[]> {
  const { stack } = options;
  const deadlineMs = stack.now() + restMs;
  for (;;) {
    const faults = await check(model, options);
    if (faults.length === 0 || stack.now() > deadlineMs) return faults;
    await stack.advance(restStepMs);
  }
}

class Run {
  readonly model = new Model();
  readonly client: Client;
  readonly faults: string[] = [];
  calls = 0;
  kept = 0;
  kills = 0;
  readonly #options: EpisodeOptions;
  readonly #startMs: number;
  /** The last call about each thing: those of one client follow each other. */
  readonly #chains = new Map<string, Promise<void>>();
  /** Ends waits for a repetition, so that nothing is waited for once faults are over. */
  readonly #waiting = new Set<() => void>();
  /** Calls that are sent and not settled yet. */
  readonly #open = new Set<string>();
  #isCalm = false;

  constructor(options: EpisodeOptions) {
    this.#options = options;
    this.#startMs = options.stack.now();
    this.client = new Client(options.stack);
  }

  async advanceTo(atMs: number): Promise<void> {
    const ms = this.#startMs + atMs - this.#options.stack.now();
    if (ms > 0) await this.#options.stack.advance(ms);
    for (const again of this.#waiting) again();
  }

  async act(action: Action): Promise<void> {
    if (isBlow(action)) await this.#strike(action);
    else this.#chain(action);
  }

  async #strike(blow: Blow): Promise<void> {
    const { stack } = this.#options;
    if (blow.kind === 'fault') stack.addFault(blow.fault);
    else if (blow.kind === 'kill') this.kills += await stack.killInstances(blow.function);
    else if (blow.kind === 'delivery') stack.setDelivery(blow.delivery);
    else if (blow.kind === 'jump') await stack.advance(blow.ms);
    else {
      stack.killDispatcher();
      await stack.advance(blow.downMs);
      stack.restartDispatcher();
    }
  }

  #chain(call: Call): void {
    const thing = 'path' in call ? call.path : 'key' in call ? call.key : `${call.task} ${chainOf(call)}`;
    const before = this.#chains.get(thing) ?? Promise.resolve();
    this.#chains.set(
      thing,
      before.then(() => this.#send(call)),
    );
  }

  async #send(call: Call): Promise<void> {
    const name = JSON.stringify(call).slice(0, 200);
    this.#open.add(name);
    try {
      for (;;) {
        this.calls += 1;
        const { outcome, fileId } = await this.client.send(call);
        if (outcome === 'kept') this.kept += 1;
        if (outcome === 'kept' || !isRepeated(call)) {
          this.model.tell(call, outcome, fileId);
          return;
        }
        await this.#moment();
      }
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.faults.push(error.message);
    } finally {
      this.#open.delete(name);
    }
  }

  /** Waits until the clock was moved past a proxy's wait; not at all when faults are over. */
  #moment(): Promise<void> {
    const untilMs = this.#options.stack.now() + repeatAfterMs;
    return new Promise((resolve) => {
      const again = (): void => {
        if (!this.#isCalm && this.#options.stack.now() < untilMs) return;
        this.#waiting.delete(again);
        resolve();
      };
      this.#waiting.add(again);
    });
  }

  /** Ends all faults, lets proxies repeat what was not kept, and every task's deadline pass. */
  async rest(): Promise<void> {
    const { stack } = this.#options;
    stack.clearFaults();
    stack.setDelivery({ twiceShare: 0, maxLateMs: 0, isShuffled: false });
    this.#isCalm = true;
    let isSent = false;
    const sent = Promise.all(this.#chains.values()).then(() => {
      isSent = true;
    });
    for (let left = maxRepeats; !isSent && left > 0; left -= 1) {
      await stack.advance(repeatAfterMs);
      for (const again of this.#waiting) again();
    }
    if (isSent) await sent;
    else
      this.faults.push(
        `unanswered, or not kept for long after the last fault: ${[...this.#open].join(', ')}`,
      );
    await stack.advance(this.#options.taskTimeoutMs);
  }
}

/** Proxies repeat what they own until it is kept; a miner sends once, and so does who patches here. */
function isRepeated({ kind }: Call): boolean {
  return kind !== 'answer' && kind !== 'patch';
}

/** Different miners, and the proxy's creation and patches, do not wait for each other. */
function chainOf(call: Extract<Call, { task: string }>): string {
  return call.kind === 'answer' ? `answer ${call.uid}` : call.kind;
}
