import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Firestore } from '@google-cloud/firestore';
import { v1 } from '@google-cloud/firestore-api';
import { type Bucket, Storage } from '@google-cloud/storage';
import { CloudTasksClient } from '@google-cloud/tasks';
import { credentials } from '@grpc/grpc-js';
import { BadRequest } from '../../local/control/body.ts';
import { readFault } from '../../local/control/faults.ts';
import { startFirestore } from '../../local/firestore/index.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { type Fault, Faults, type LocalServiceName } from '../../local/shared/faults.ts';
import { startStorage } from '../../local/storage/index.ts';
import { startTasks } from '../../local/tasks/index.ts';
import { until } from './support.ts';

// Off the cloud, the clients would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

const unavailable = 14;
const database = 'projects/demo/databases/(default)';
const queue = 'projects/demo/locations/us-central1/queues/q';
/** Calls are made once: what clients repeat by themselves would hide what befell them. */
const noRetry = { retry: { retryCodes: [] } };

interface Service {
  name: LocalServiceName;
  /** One call that writes; `written` tells how many did. */
  write(): Promise<unknown>;
  writeMethod: string;
  written(): Promise<number>;
  inFlight(): number;
  /** The client's message about a connection that was reset. */
  cutCode: string | number;
}

describe('Faults, through the official clients', () => {
  const services: Service[] = [];
  let clock: OffsetClock;
  let faults: Faults;
  let close: () => Promise<void>;
  let callsInFlight: () => number;
  let db: Firestore;
  let raw: v1.FirestoreClient;
  let bucket: Bucket;

  before(async () => {
    clock = new OffsetClock();
    faults = new Faults(clock);
    const options = { port: 0, clock, faults };
    const firestore = await startFirestore(options);
    callsInFlight = () => firestore.inFlight();
    const tasks = await startTasks({ ...options, queues: [{ name: queue }] });
    const storage = await startStorage({ ...options, buckets: ['bucket'] });
    const client = (port: number) => ({
      apiEndpoint: '127.0.0.1',
      port,
      sslCreds: credentials.createInsecure(),
      projectId: 'demo',
    });
    db = new Firestore({ projectId: 'demo', host: `127.0.0.1:${firestore.port}`, ssl: false });
    raw = new v1.FirestoreClient(client(firestore.port));
    const tasksClient = new CloudTasksClient(client(tasks.port));
    bucket = new Storage({
      apiEndpoint: `http://127.0.0.1:${storage.port}`,
      projectId: 'demo',
      retryOptions: { autoRetry: false },
    }).bucket('bucket');
    await tasksClient.pauseQueue({ name: queue });
    let made = 0;
    services.push(
      {
        name: 'firestore',
        write: () => {
          const name = `${database}/documents/c/d${++made}`;
          return raw.commit({ database, writes: [{ update: { name, fields: {} } }] }, noRetry);
        },
        writeMethod: 'Commit',
        written: async () => (await db.collection('c').get()).size,
        inFlight: () => firestore.inFlight(),
        cutCode: unavailable,
      },
      {
        name: 'tasks',
        write: () =>
          tasksClient.createTask(
            { parent: queue, task: { httpRequest: { url: 'http://127.0.0.1:1/' } } },
            noRetry,
          ),
        writeMethod: 'CreateTask',
        written: async () => (await tasksClient.listTasks({ parent: queue }))[0].length,
        inFlight: () => tasks.inFlight(),
        cutCode: unavailable,
      },
      {
        name: 'storage',
        write: () => bucket.file(`f${++made}`).save('x', { resumable: false }),
        writeMethod: 'POST',
        written: async () => (await bucket.getFiles())[0].length,
        inFlight: () => storage.inFlight(),
        cutCode: 'ECONNRESET',
      },
    );
    close = async () => {
      await Promise.all([raw.close(), db.terminate(), tasksClient.close()]);
      await Promise.all([firestore.close(), tasks.close(), storage.close()]);
    };
  });
  after(() => close());
  afterEach(() => faults.clear());

  const add = (service: Service, fault: Partial<Fault>) =>
    faults.add({
      service: service.name,
      method: service.writeMethod,
      rate: 1,
      forMs: 1000,
      phase: 'before',
      ...fault,
    });
  const codeOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => undefined,
      (error: { code?: unknown }) => error.code ?? error,
    );
  /** Resolves when a call is kept waiting by the clock. */
  const held = async (service: Service): Promise<void> => {
    while (clock.nextDueMs() === undefined) await nextTurn();
    assert.equal(service.inFlight(), 0, 'a call that waits for the clock must not hold up its advance');
  };
  const advance = (ms: number) => clock.setOffsetMs(clock.offsetMs() + ms);

  for (const index of [0, 1, 2]) {
    const name = ['Firestore', 'Cloud Tasks', 'Cloud Storage'][index];
    const service = () => services[index] as Service;

    describe(`${name}`, () => {
      it('cut before: no answer, nothing done, and the next call works', async () => {
        const before = await service().written();
        add(service(), { cut: true });
        assert.equal(await codeOf(service().write()), service().cutCode);
        faults.clear();
        assert.equal(await service().written(), before);
        await service().write();
        assert.equal(await service().written(), before + 1);
        assert.equal(service().inFlight(), 0);
      });

      it('cut after: done, but no answer comes', async () => {
        const before = await service().written();
        add(service(), { cut: true, phase: 'after' });
        assert.equal(await codeOf(service().write()), service().cutCode);
        assert.equal(await service().written(), before + 1);
      });

      it('slowness: waits by the clock, then does it', async () => {
        const before = await service().written();
        add(service(), { delayMs: 60_000 });
        const call = service().write();
        await held(service());
        assert.equal(await service().written(), before);
        advance(60_000);
        await call;
        assert.equal(await service().written(), before + 1);
      });

      it('a slow answer: done at once, answered late', async () => {
        const before = await service().written();
        add(service(), { delayMs: 60_000, phase: 'after' });
        let isAnswered = false;
        const call = service()
          .write()
          .then(() => {
            isAnswered = true;
          });
        await held(service());
        assert.equal(await service().written(), before + 1);
        assert.equal(isAnswered, false);
        advance(60_000);
        await call;
      });

      it('slowness that is cleared lets calls go on', async () => {
        add(service(), { delayMs: 60_000 });
        const call = service().write();
        await held(service());
        faults.clear();
        await call;
        assert.equal(clock.nextDueMs(), undefined);
      });

      for (const phase of ['before', 'after', 'half'] as const) {
        it(`hang ${phase}: no answer for ever, and the next call works`, async () => {
          const before = await service().written();
          add(service(), { hang: true, phase });
          const wait = faults.wait.bind(faults);
          let isHit = false;
          faults.wait = (hit) => {
            isHit = true;
            return wait(hit);
          };
          let isAnswered = false;
          const answered = () => {
            isAnswered = true;
          };
          void service().write().then(answered, answered);
          while (!isHit) await nextTurn();
          faults.wait = wait;
          faults.clear();
          advance(3_600_000);
          await service().write();
          assert.equal(await service().written(), before + (phase === 'before' ? 1 : 2));
          assert.equal(isAnswered, false);
          assert.equal(service().inFlight(), 0);
        });
      }

      it('slow and then refused', async () => {
        const code = service().name === 'storage' ? 503 : 13;
        add(service(), { delayMs: 5000, code });
        const call = codeOf(service().write());
        await held(service());
        advance(5000);
        assert.equal(await call, code);
      });
    });
  }

  it('a cut takes the listeners on its connection along, and they come back', async () => {
    const seen: number[] = [];
    let tell = (): void => {};
    const stop = db.doc('listened/a').onSnapshot((document) => {
      seen.push(document.get('n') ?? 0);
      tell();
    });
    const until = async (value: number): Promise<void> => {
      while (seen.at(-1) !== value) {
        await new Promise<void>((resolve) => {
          tell = resolve;
        });
      }
    };
    await until(0);
    let cuts = 0;
    const check = faults.check.bind(faults);
    faults.check = (service, method, phase) => {
      if (method === 'Listen' && phase === 'before') cuts += 1;
      return check(service, method, phase);
    };
    add(services[0] as Service, { cut: true, phase: 'after', method: 'Commit' });
    const set = db.doc('listened/a').set({ n: 1 });
    while (cuts === 0) await nextTurn();
    faults.clear();
    faults.check = check;
    await Promise.all([until(1), set]);
    stop();
  });

  it('half of a download comes, and then nothing, or the reset of the connection', async () => {
    const [, , storage] = services as [Service, Service, Service];
    const object = bucket.file('half');
    await object.save('first second', { resumable: false });
    for (const fault of [{ hang: true }, { cut: true, delayMs: 1000 }, { delayMs: 1000 }]) {
      add(storage, { method: 'GET', phase: 'half', ...fault });
      const { body } = await fetch(`${bucket.storage.apiEndpoint}/storage/v1/b/bucket/o/half?alt=media`);
      const reader = body?.getReader();
      const read = async () => Buffer.from((await reader?.read())?.value ?? []).toString();
      assert.equal(await read(), 'first ');
      const rest = read();
      faults.clear();
      if (fault.cut === true) await assert.rejects(rest);
      else if (fault.hang !== true) assert.equal(await rest, 'second');
      else await reader?.cancel();
    }
  });

  it("half of a stream's messages come, and then none", async () => {
    for (const id of ['a', 'b', 'c', 'd']) await db.doc(`half/${id}`).set({});
    add(services[0] as Service, { method: 'BatchGetDocuments', phase: 'half', hang: true });
    const documents = ['a', 'b', 'c', 'd'].map((id) => `${database}/documents/half/${id}`);
    const stream = raw.batchGetDocuments({ database, documents });
    for (let come = 0; come < 2; come += 1) await once(stream, 'data');
    stream.on('error', () => {});
    stream.cancel();
  });

  it('a call whose client leaves during a delay ends with the delay', async () => {
    const [firestore] = services as [Service];
    const documents = Array.from({ length: 40 }, (_, index) => `${database}/documents/left/${index}`);
    await Promise.all(documents.map((_, index) => db.doc(`left/${index}`).set({ text: 'x'.repeat(10_000) })));
    const before = faults.hits;
    add(firestore, { method: 'BatchGetDocuments', delayMs: 10_000 });
    const stream = raw.batchGetDocuments({ database, documents });
    stream.on('error', () => {});
    await until(() => faults.hits > before);
    stream.cancel();
    // On the same connection, so the service has heard of the cancellation by its answer.
    await firestore.write();
    faults.clear();
    await firestore.write();
    assert.equal(callsInFlight(), 0);
  });

  it('hit the asked share, and only their service and method', async () => {
    const [firestore, tasks] = services as [Service, Service];
    add(firestore, { cut: true, rate: 0 });
    add(tasks, { cut: true });
    add(firestore, { cut: true, method: 'BatchWrite' });
    assert.equal(await codeOf(firestore.write()), undefined);
    assert.equal(await codeOf(tasks.write()), unavailable);
    const seeded = new Faults(clock, sequence([0.1, 0.5, 0.2, 0.9]));
    seeded.add({ service: 'tasks', cut: true, rate: 0.3, forMs: 1000, phase: 'before' });
    const hits = Array.from({ length: 4 }, () => seeded.check('tasks', 'CreateTask', 'before')?.failure);
    assert.deepEqual(hits, ['cut', undefined, 'cut', undefined]);
  });

  it('delays of several faults add up before the first failure', () => {
    const fault = { service: 'tasks', rate: 1, forMs: 1000, phase: 'before' } as const;
    const several = new Faults(clock);
    several.add({ ...fault, delayMs: 10 });
    several.add({ ...fault, delayMs: 20, code: 14 });
    several.add({ ...fault, delayMs: 40, code: 13 });
    assert.deepEqual(several.check('tasks', 'GetTask', 'before'), { delayMs: 30, failure: 14 });
  });
});

describe('A fault as it is asked for', () => {
  const least = { service: 'firestore', for_ms: 1000 };

  it('is read with its defaults', () => {
    const all = { ...least, delay_ms: 5, cut: true, rate: 0.5, phase: 'after', method: 'Commit' };
    const read = { service: 'firestore', forMs: 1000, cut: true, phase: 'after', method: 'Commit' };
    assert.deepEqual(readFault(all), { ...read, delayMs: 5, rate: 0.5 });
    assert.deepEqual(readFault({ ...least, code: 14 }), {
      service: 'firestore',
      code: 14,
      rate: 1,
      forMs: 1000,
      phase: 'before',
    });
  });

  for (const [what, wrong, message] of [
    ['nothing to do', {}, /^code, delay_ms, cut or hang/],
    ['both a code and a cut', { code: 14, cut: true }, /^code, cut and hang exclude/],
    ['both a cut and a hang', { cut: true, hang: true }, /^code, cut and hang exclude/],
    ['a code after half an answer', { code: 14, phase: 'half' }, /^code cannot/],
    ['a field that is not known', { code: 14, delay: 5 }, /^delay: not known/],
    ['a code that is OK', { code: 0 }, /^code must be a number from 1 to 16/],
    ['a code that is of HTTP', { code: 503 }, /^code must be a number from 1 to 16/],
    ['a code that is of gRPC', { service: 'storage', code: 14 }, /^code must be a number from 400 to 599/],
    ['half a code', { code: 1.5 }, /^code must be a whole number/],
    ['a delay below zero', { delay_ms: -1 }, /^delay_ms must/],
    ['a cut that is no boolean', { cut: 'yes' }, /^cut must be true or false/],
    ['a method of another service', { service: 'storage', cut: true, method: 'Commit' }, /^method must/],
    ['an answer of a function that is lost', { service: 'functions', cut: true, phase: 'after' }, /^phase/],
    ['no service', { service: 'hosting', cut: true }, /^service must be one of/],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(
        () => readFault({ ...least, ...wrong }),
        (error: Error) => error instanceof BadRequest && message.test(error.message),
      );
    });
  }
});

function sequence(values: number[]): () => number {
  return () => values.shift() ?? 1;
}
