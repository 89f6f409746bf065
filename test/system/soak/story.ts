import { seeded } from '../../../bench/shared/random.ts';
import type { Fault } from '../../../local/shared/faults.ts';
import type { Delivery } from '../../../local/tasks/index.ts';

/** A call that proxies or miners make. Calls about the same thing follow each other, as those of one client do. */
export type Call =
  | { kind: 'create'; task: string; required: number; assigned?: number[] | undefined }
  | { kind: 'patch'; task: string; priority: number }
  | {
      kind: 'answer';
      task: string;
      uid: number;
      form: 'json' | 'ndjson' | 'legacy';
      bytes: number;
      copy: number;
    }
  | { kind: 'operate'; path: string; type: 'set' | 'update' | 'delete'; field: string; value: number }
  | { kind: 'grow'; path: string; field: string; bytes: number }
  | { kind: 'file'; key: string; bytes: number; seed: number };

/** A blow to the stack. */
export type Blow =
  | { kind: 'fault'; fault: Fault }
  | { kind: 'kill'; function: string }
  | { kind: 'dispatcher'; downMs: number }
  | { kind: 'delivery'; delivery: Delivery }
  | { kind: 'jump'; ms: number };

/** An action at a moment of the episode. */
export type Action = { atMs: number } & (Call | Blow);

/** Traffic and what befalls it, drawn from a seed. */
export interface Episode {
  name: string;
  /** Events in the order of time. */
  actions: Action[];
}

export const spanMs = 60_000;

/** The end of the paths of documents that are asked to hold more than they can. */
export const poisonSuffix = '-poison';

/**
 * Codes that a service or the network may answer whatever is asked. Left out is what says that the request itself is
 * wrong or that an object is not there: believing those is right.
 */
const grpcCodes = [1, 2, 4, 7, 8, 10, 11, 12, 13, 14, 15, 16];
const httpCodes = [401, 403, 408, 429, 500, 502, 503, 504];
const platformCodes = [403, 404, 429, 500, 503];
const functionNames = ['ingest', 'flush', 'api', 'files', 'filed', 'expire', 'sweep'];

export function isBlow(action: Action): action is { atMs: number } & Blow {
  return ['fault', 'kill', 'dispatcher', 'delivery', 'jump'].includes(action.kind);
}

/** The episode with this number of the soak with this seed, with so many times the usual blows. */
export function drawEpisode(seed: number, number: number, blows = 1): Episode {
  const draw = new Draw(seeded(seed * 100_003 + number));
  const name = `s${seed}e${number}`;
  const actions: Action[] = [];
  const add = (atMs: number, action: Call | Blow): void => {
    actions.push({ atMs, ...action });
  };
  for (let index = draw.int(10, 40); index > 0; index -= 1) drawTask(draw, `${name}-task-${index}`, add);
  for (let index = draw.int(3, 10); index > 0; index -= 1) drawDocument(draw, `soak/${name}-${index}`, add);
  for (let index = draw.int(0, 4); index > 0; index -= 1) {
    const bytes = draw.one([10, 5_000, 33_000, 200_000]);
    add(draw.int(0, spanMs), { kind: 'file', key: `${name}-file-${index}`, bytes, seed: draw.int(0, 1e9) });
  }
  // Together they are more than a document holds: the one that is too much becomes a dead letter.
  if (draw.chance(0.1)) {
    for (const field of ['a', 'b'])
      add(draw.int(0, spanMs), { kind: 'grow', path: `soak/${name}${poisonSuffix}`, field, bytes: 700_000 });
  }
  for (let left = blows * draw.int(3, 14); left > 0; left -= 1) add(draw.int(0, spanMs), drawBlow(draw));
  return { name, actions: actions.toSorted((a, b) => a.atMs - b.atMs) };
}

type Add = (atMs: number, action: Call | Blow) => void;

function drawTask(draw: Draw, task: string, add: Add): void {
  const startMs = draw.int(0, spanMs / 2);
  const required = draw.int(1, 4);
  const uids = Array.from({ length: draw.int(0, 5) }, (_, index) => index * 3 + draw.int(0, 2));
  const assigned = draw.chance(0.5) ? uids : undefined;
  add(startMs, { kind: 'create', task, required, assigned });
  for (let priority = draw.int(0, 3); priority > 0; priority -= 1)
    add(draw.int(startMs, spanMs), { kind: 'patch', task, priority: draw.int(1, 1_000) });
  for (const uid of uids) {
    const form = draw.one(['json', 'json', 'ndjson', 'legacy'] as const);
    const bytes = draw.one([20, 20, 400, 3_000, 70_000]);
    // Some answer before the task is known, and some answer again.
    for (let copy = draw.chance(0.25) ? 1 : 0; copy >= 0; copy -= 1)
      add(draw.int(Math.max(0, startMs - 3_000), spanMs), { kind: 'answer', task, uid, form, bytes, copy });
  }
}

function drawDocument(draw: Draw, path: string, add: Add): void {
  for (let left = draw.int(1, 8); left > 0; left -= 1) {
    const type = draw.one(['set', 'update', 'update', 'update', 'delete'] as const);
    const field = draw.one(['a', 'b', 'c']);
    add(draw.int(0, spanMs), { kind: 'operate', path, type, field, value: draw.int(0, 1e6) });
  }
}

function drawBlow(draw: Draw): Blow {
  const share = draw.next();
  if (share < 0.6) return { kind: 'fault', fault: drawFault(draw) };
  if (share < 0.8)
    return { kind: 'kill', function: draw.one(['ingest', 'flush', 'flush', 'flush', 'expire', 'api']) };
  if (share < 0.86) return { kind: 'dispatcher', downMs: draw.int(100, 20_000) };
  if (share < 0.95) {
    const delivery = {
      twiceShare: draw.next(),
      maxLateMs: draw.int(0, 30_000),
      isShuffled: draw.chance(0.5),
    };
    return { kind: 'delivery', delivery };
  }
  return { kind: 'jump', ms: draw.one([60_000, 900_000, 7_200_000]) };
}

function drawFault(draw: Draw): Fault {
  const service = draw.one(['firestore', 'firestore', 'tasks', 'tasks', 'storage', 'functions'] as const);
  const forMs = draw.one([500, 5_000, 15_000, 60_000, 300_000]);
  const fault = { service, rate: draw.one([0.1, 0.5, 1]), forMs };
  if (service === 'functions') {
    const method = draw.one(functionNames);
    return { ...fault, code: draw.one(platformCodes), phase: 'before', method };
  }
  const code = draw.one(service === 'storage' ? httpCodes : grpcCodes);
  const phase = draw.one(['before', 'before', 'after'] as const);
  const effect = draw.one(['code', 'code', 'code', 'delay', 'cut', 'hang', 'half'] as const);
  if (effect === 'code') return { ...fault, code, phase };
  if (effect === 'delay') return { ...fault, delayMs: draw.int(10, 30_000), phase };
  if (effect === 'cut') return { ...fault, cut: true, phase };
  // Calls that hang for minutes on end are an outage, and a slow one to sit out.
  const hang = { ...fault, hang: true, rate: Math.min(fault.rate, 0.3), forMs: Math.min(forMs, 15_000) };
  return { ...hang, phase: effect === 'half' ? 'half' : phase };
}

/** Draws from a generator of numbers from 0 to below 1. */
class Draw {
  readonly next: () => number;

  constructor(next: () => number) {
    this.next = next;
  }

  /** A whole number, both bounds included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  one<Item>(items: readonly Item[]): Item {
    return items[this.int(0, items.length - 1)] as Item;
  }
}
