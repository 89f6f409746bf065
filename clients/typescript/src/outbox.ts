import { pause } from './clock.ts';
import { OutboxError } from './errors.ts';
import { Sender, type SenderOptions } from './sender.ts';
import { StoreClient } from './storeClient.ts';
import type { Transport } from './transport.ts';
import type { OutboxStatus, SetAside } from './types.ts';

/** Events of one commit: more would keep the first caller waiting. */
const maxGroup = 2000;
const maxGroupBytes = 16 * 1024 * 1024;
/** The time between two looks at what is left, while somebody drains. */
const lookMs = 20;

interface Given {
  lines: readonly string[];
  created: readonly string[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Takes events at the speed of the disk, and has them sent in the background. */
export class Outbox {
  readonly #store: StoreClient;
  readonly #sender: Sender;
  readonly #transport: Transport;
  readonly #given: Given[] = [];
  #writing: Promise<void> | undefined;
  #closing: Promise<boolean> | undefined;

  constructor(path: string, transport: Transport, options: SenderOptions) {
    this.#transport = transport;
    this.#store = new StoreClient(path);
    this.#sender = new Sender(this.#store, transport, options);
  }

  /**
   * Resolves when the events, which create these tasks, are durable on this machine, together. Callers that come
   * together share a commit.
   */
  write(lines: readonly string[], created: readonly string[]): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new OutboxError('This client is closed.'));
    return new Promise((resolve, reject) => {
      this.#given.push({ lines, created, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    // Whoever comes in this turn of the event loop joins the first commit.
    await undefined;
    while (this.#given.length > 0) {
      const group = this.#nextGroup();
      const lines = group.flatMap((one) => one.lines);
      try {
        const created = group.flatMap((one) => one.created);
        await this.#store.call('append', lines, this.#transport.world.now(), created);
        this.#sender.noteWritten(lines.length, sizeOf(lines));
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#writing = undefined;
  }

  #nextGroup(): Given[] {
    let count = 0;
    let bytes = 0;
    let end = 0;
    for (; end < this.#given.length && count < maxGroup && bytes < maxGroupBytes; end += 1) {
      const lines = this.#given[end]?.lines ?? [];
      count += lines.length;
      bytes += sizeOf(lines);
    }
    return this.#given.splice(0, end);
  }

  /** Sends without lingering what was written before; true when Sluice has it all, or it is aside. */
  async drain(timeoutMs: number): Promise<boolean> {
    await this.#writing;
    const { clock } = this.#transport.world;
    const endMs = clock.now() + timeoutMs;
    return this.#sender.hurried(async () => {
      const { last } = await this.#store.call('ends');
      for (;;) {
        const { first } = await this.#store.call('ends');
        if (first === 0 || first > last) return true;
        if (clock.now() >= endMs) return false;
        await pause(clock, lookMs);
      }
    });
  }

  hasCreated(taskId: string): Promise<boolean> {
    return this.#store.call('hasCreated', taskId);
  }

  async status(): Promise<OutboxStatus> {
    const { oldestMs, offsetMs, ...counts } = await this.#store.call('counts');
    const { sent, error, isBlocked } = this.#sender;
    const nowMs = this.#transport.world.now() + offsetMs;
    const oldestAgeMs = oldestMs === undefined ? undefined : Math.max(0, nowMs - oldestMs);
    return { ...counts, oldestAgeMs, sent, error, isBlocked };
  }

  setAside(afterId: number, most: number): Promise<SetAside[]> {
    return this.#store.call('setAside', afterId, most);
  }

  retry(ids: readonly number[] | undefined): Promise<number> {
    return this.#store.call('retry', ids, this.#transport.world.now());
  }

  clear(types: readonly string[] | undefined): Promise<number> {
    return this.#store.call('moveAside', types, this.#transport.world.now());
  }

  /** Sends what it can in this time, then ends; the rest stays in the file. True when nothing does. */
  close(timeoutMs: number): Promise<boolean> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<boolean> {
    await this.#writing;
    try {
      return timeoutMs > 0 && (await this.drain(timeoutMs));
    } finally {
      const stopped = this.#sender.stop();
      this.#transport.abort();
      await stopped;
      await this.#store.close();
    }
  }
}

/** About the bytes of lines: a character that is not ASCII counts too little. */
function sizeOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length, 0);
}
