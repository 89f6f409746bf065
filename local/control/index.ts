import type { IncomingMessage, ServerResponse } from 'node:http';
import { amountsOf, type Costs, costsOf } from '../bill/bill.ts';
import type { StackUsage } from '../bill/usage.ts';
import { type InstanceInfo, UnknownFunction } from '../functions/index.ts';
import type { Fault } from '../shared/faults.ts';
import type { Delivery } from '../tasks/index.ts';
import { BadRequest, flag, number, onlyFields, readObject } from './body.ts';
import { readFault } from './faults.ts';

/** Controls of a running stack, besides its services. */
export interface StackControl {
  usage(): StackUsage;
  resetUsage(): void;
  addFault(fault: Fault): void;
  clearFaults(): void;
  /** Calls that a fault befell so far. */
  faultHits(): number;
  /** Moves the clock by `ms`; answers the time after that, when all that became due has come to rest. */
  advance(ms: number): Promise<number>;
  /** Requests that Hosting has not answered yet. */
  clientsInFlight(): number;
  /** The stack's time in ms since the epoch. */
  now(): number;
  instances(): InstanceInfo[];
  /** Ends a function's instances with SIGKILL; returns how many there were. Throws for an unknown function. */
  killInstances(functionName: string): Promise<number>;
  killDispatcher(): void;
  restartDispatcher(): void;
  /** Sets the manner in which Cloud Tasks delivers from now on. */
  setDelivery(delivery: Delivery): void;
  /** The share of a bucket's events that functions get twice from now on. */
  setEventsTwiceShare(twiceShare: number): void;
}

function withDollars(usage: StackUsage): StackUsage & { dollars: Costs } {
  return { ...usage, dollars: costsOf(amountsOf(usage)) };
}

type Route = (control: StackControl, body: Record<string, unknown>) => unknown;

const dayMs = 24 * 60 * 60_000;
const maxAdvanceMs = 400 * dayMs;
const maxLateMs = dayMs;

const routes: Record<string, Route> = {
  'GET usage': (control) => withDollars(control.usage()),
  'POST usage/reset': (control) => {
    control.resetUsage();
    return withDollars(control.usage());
  },
  'GET faults': (control) => ({ hits: control.faultHits() }),
  'POST faults': (control, body) => control.addFault(readFault(body)),
  'DELETE faults': (control) => control.clearFaults(),
  'GET clock': (control) => ({ now: control.now() }),
  'POST clock/advance': async (control, body) => ({
    now: await control.advance(number(body, 'ms', 0, maxAdvanceMs)),
  }),
  'GET instances': (control) => ({ instances: control.instances() }),
  'POST instances/kill': async (control, body) => {
    if (typeof body['function'] !== 'string')
      throw new BadRequest('function must be the name of a function.');
    return { killed: await control.killInstances(body['function']) };
  },
  'POST dispatcher/kill': (control) => control.killDispatcher(),
  'POST dispatcher/restart': (control) => control.restartDispatcher(),
  'POST tasks/delivery': (control, body) => {
    const delivery = readDelivery(body);
    control.setDelivery(delivery);
    return { twice: delivery.twiceShare, late_ms: delivery.maxLateMs, shuffle: delivery.isShuffled };
  },
  'POST storage/delivery': (control, body) => {
    onlyFields(body, ['twice']);
    const twice = number(body, 'twice', 0, 1, 0);
    control.setEventsTwiceShare(twice);
    return { twice };
  },
};

function readDelivery(body: Record<string, unknown>): Delivery {
  onlyFields(body, ['twice', 'late_ms', 'shuffle']);
  return {
    twiceShare: number(body, 'twice', 0, 1, 0),
    maxLateMs: number(body, 'late_ms', 0, maxLateMs, 0),
    isShuffled: flag(body, 'shuffle'),
  };
}

/** Answers the control interface's requests, `/__local/…`, in JSON. */
export async function answerControl(
  control: StackControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').replace(/^\/__local\//, '').replace(/\?.*$/, '');
  const route = routes[`${request.method} ${path}`];
  if (route === undefined) {
    answerJson(response, 404, { error: 'Unknown.', routes: Object.keys(routes) });
    return;
  }
  try {
    const answer = await route(control, await readObject(request));
    answerJson(response, 200, answer ?? {});
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const isCallers = error instanceof BadRequest || error instanceof UnknownFunction;
    answerJson(response, isCallers ? 400 : 500, { error: message });
  }
}

function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
