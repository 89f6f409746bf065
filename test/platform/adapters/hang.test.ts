import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DocumentError } from '../../../functions/src/platform/documents.ts';
import { AppError } from '../../../functions/src/platform/errors.ts';
import type { FaultPhase } from '../../../local/shared/faults.ts';
import { type Adapter, adapters, type Services, sharing, startServices } from './services.ts';

const hourMs = 3_600_000;

/** Calls that no service hears of while a key file signs. */
const unheard = new Set(['objects.signedUrl']);
/** Calls that need no more than the headers of an answer. */
const byHeaders = new Set(['objects.startUpload']);

describe('a service that takes a call and never answers @slow', () => {
  let services: Services;
  const requests: ClientRequest[] = [];
  const note = (message: unknown): void => {
    requests.push((message as { request: ClientRequest }).request);
  };
  before(async () => {
    services = await startServices();
    subscribe('http.client.request.created', note);
  });
  after(() => {
    unsubscribe('http.client.request.created', note);
    return services.close();
  });
  afterEach(() => services.faults.clear());

  const call = (of: Adapter | undefined, method: string, made: object | undefined): Promise<unknown> =>
    of?.calls[method]?.(made as never) ?? Promise.reject(new Error('There is no such call.'));

  for (const [name, of] of Object.entries(adapters)) {
    it(`has a case for each method: ${name}`, () => {
      const made = of.make(services.clock);
      const owner = Object.getPrototypeOf(made) === Object.prototype ? made : Object.getPrototypeOf(made);
      const methods = Object.getOwnPropertyNames(owner).filter((method) => method !== 'constructor');
      assert.deepEqual(methods.sort(), Object.keys(of.calls).sort());
    });

    for (const method of Object.keys(of.calls)) {
      if (unheard.has(`${name}.${method}`)) continue;
      const phases: FaultPhase[] = byHeaders.has(`${name}.${method}`) ? ['before'] : ['before', 'half'];
      for (const phase of phases) {
        it(`fails in time, and the next call works: ${name}.${method}, hung ${phase}`, async () => {
          const made = of.make(services.clock);
          await call(of, method, made).catch(() => undefined);
          requests.length = 0;
          services.faults.add({ service: of.service, hang: true, rate: 1, forMs: hourMs, phase });
          const met = services.met();
          const outcome = call(of, method, made).then(
            () => 'answered',
            (error: unknown) => error,
          );
          await met;
          await soon(outcome, () => services.clock.setOffsetMs(services.clock.offsetMs() + 60_000));
          const error = await outcome;
          const isUnavailable =
            (error instanceof AppError && error.code === 'unavailable') ||
            (error instanceof DocumentError && error.failure === 'unavailable');
          assert.ok(isUnavailable, String(error));
          assert.ok(
            requests.every(({ destroyed }) => destroyed),
            'its connections are closed',
          );
          services.faults.clear();
          await assert.doesNotReject(call(of, method, made));
        });
      }
    }
  }

  for (const [service, name, method] of [
    ['tasks', 'queue', 'put'],
    ['firestore', 'documents', 'commit'],
  ] as const) {
    it(`costs no other call of the same client: ${name}.${method}`, async () => {
      const { clock, faults } = services;
      const fault = { service, rate: 1, forMs: hourMs, phase: 'before' } as const;
      const make = sharing(clock);
      const [hasty, patient] = [make[name](2_000), make[name](60_000)];
      await call(adapters[name], method, hasty);
      faults.add({ ...fault, hang: true });
      let met = services.met();
      const hung = call(adapters[name], method, hasty);
      await met;
      faults.clear();
      faults.add({ ...fault, delayMs: 30_000 });
      met = services.met();
      const slow = call(adapters[name], method, patient);
      await met;
      const advance = (ms: number): void => clock.setOffsetMs(clock.offsetMs() + ms);
      const failed = assert.rejects(hung);
      advance(10_000);
      await failed;
      for (let turn = 0; turn < 50; turn += 1) await nextTurn();
      advance(30_000);
      await slow;
    });
  }
});

/** Moves the time on until it is settled: also what begins only then has an end. */
async function soon(outcome: Promise<unknown>, advance: () => void): Promise<void> {
  let isSettled = false;
  void outcome.then(() => {
    isSettled = true;
  });
  while (!isSettled) {
    for (let turn = 0; turn < 50; turn += 1) await nextTurn();
    advance();
  }
}
