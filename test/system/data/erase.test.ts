import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { foldText } from '../../../functions/src/events/carrier.ts';
import { type Dump, type Services, servicesOf } from './dump.ts';
import { hotkeys, type Outcome, type Scene, secretOf, startScene } from './scene.ts';

const hourMs = 3_600_000;

describe('npm run erase', function () {
  this.timeout(300_000);
  let scene: Scene;
  let services: Services;

  before(async () => {
    scene = await startScene();
    services = servicesOf(scene.stack);
  });
  after(async () => {
    await services.close();
    await scene.stack.close();
  });

  /** Runs the script while the stack's clock goes on: what it waits for takes no time of this machine. */
  async function erase(...args: string[]): Promise<Outcome> {
    let isRunning = true;
    const given = ['--miner', '7', '--pause-seconds', '0', ...args];
    const running = scene.run('erase.ts', ...given).finally(() => {
      isRunning = false;
    });
    while (isRunning) await scene.stack.advance(2_000);
    return running;
  }

  /** Places with anything of a miner. */
  const placesOf = (dump: Dump, ...words: string[]): string[] =>
    [...dump].filter(([, text]) => words.some((word) => text.includes(word))).map(([place]) => place);
  const of7 = (): string[] => [secretOf(7), hotkeys[7], scene.keys[7].id, 'label of 7'];

  /** Hashes of what the other miner sent, as it is kept, of its files, key and dead letter, by place. */
  function others(dump: Dump): Map<string, string> {
    const ours = [...dump].filter(
      ([place]) => !/queues\/|^spool\/|^quota\/|^control\/(?!keys)|^bodies\/carriers/.test(place),
    );
    return new Map(
      ours.flatMap(([place, text]) => {
        if (place === 'control/keys.json') {
          const { keys } = JSON.parse(text.slice(2)) as { keys: { sha256: string; label: string }[] };
          return keys
            .filter(({ label }) => label.endsWith('8'))
            .map(({ sha256 }) => [place, sha256] as const);
        }
        if (!text.includes(secretOf(8))) return [];
        if (!place.startsWith('tasks/')) return [[place, hash('sha256', text)] as const];
        const { 8: answer } = JSON.parse(text).miner_responses as Record<string, unknown>;
        return [[place, hash('sha256', JSON.stringify(answer))] as const];
      }),
    );
  }

  it('tells with --dry-run what would go, and changes nothing', async () => {
    const before = await services.dump();
    const { code, stdout, stderr } = await erase('--dry-run');
    assert.equal(code, 0, stderr);
    for (const line of [
      `key ${scene.keys[7].id}: would be revoked`,
      'task done: its answers would be erased',
      'task large: its answers would be erased',
      'task done: evaluations.3 names it, and stays',
      'task batch: an answer of it waits, and would be erased',
      'task late: an answer of it waits, and would be erased',
      'task spoken: an answer of it waits, and would be erased',
      'task spooled: an answer of it waits, and would be erased',
    ])
      assert.ok(stdout.includes(line), `${line}\n${stdout}`);
    assert.equal(stdout.match(/^file .*: would be deleted$/gm)?.length, 3, stdout);
    assert.equal(stdout.match(/^dead letter .*: would be dropped$/gm)?.length, 1);
    assert.ok(!stdout.includes(scene.keys[8].id));
    const { stdout: rest } = await erase('--dry-run', '--after', 'done');
    assert.match(rest, /^task large: its answers/m);
    assert.doesNotMatch(rest, /^task done: its answers/m);
    const after = await services.dump();
    // Time goes on meanwhile: schedules keep their books, and an instance may spool what it could not send yet.
    const isData = (place: string): boolean => !/^quota\/|^control\/(?!keys)/.test(place);
    const hashes = (dump: Dump) =>
      [...dump]
        .filter(([place]) => before.has(place) && isData(place))
        .map(([place, text]) => `${place} ${hash('sha256', text)}`);
    assert.deepEqual(hashes(after), hashes(before));
    const added = [...after.keys()].filter((place) => !before.has(place) && isData(place));
    assert.deepEqual(
      added.filter((place) => !place.startsWith('spool/')),
      [],
    );
  });

  it('says what is missing, and begins nothing', async () => {
    for (const args of [[], ['--yes', '--dry-run'], ['--yes', '--unknown']])
      assert.equal((await erase(...args)).code, 2);
    assert.equal((await scene.run('erase.ts', '--yes')).code, 2);
  });

  it('takes all of it, whatever comes again, and leaves the other miner as it is', async () => {
    const queued = await services.queued();
    const first = await services.dump();
    assert.ok(placesOf(first, ...of7()).length > 10);
    const spooled = await Promise.all(
      (await services.bucket.getFiles({ prefix: 'spool/' }))[0].map(async (file) => ({
        name: file.name,
        bytes: (await file.download())[0],
      })),
    );

    // It breaks off once the keys are revoked: the next run knows their files all the same.
    const refused = { service: 'functions', method: 'files', code: 500, rate: 1, forMs: hourMs } as const;
    scene.stack.addFault({ ...refused, phase: 'before' });
    const broken = await erase('--yes');
    assert.equal(broken.code, 1, broken.stdout);
    assert.match(broken.stdout, /^key .*: revoked$/m);
    assert.match(broken.stderr, /^Broken off: DELETE .*\nRun it again, with --after spooled for the other/m);
    scene.stack.clearFaults();

    // The queue is paused: it says so, and can be run again.
    const cut = await erase('--yes');
    assert.equal(cut.code, 3, cut.stdout + cut.stderr);
    assert.match(cut.stdout, /^\d+ answers or carriers and \d+ erasures still wait$/m);
    assert.match(cut.stdout, /^Not done yet: run it again/m);
    await scene.drain();
    const done = await erase('--yes');
    assert.equal(done.code, 0, done.stdout + done.stderr);
    assert.match(done.stdout, /^Nothing of it is left\.$/m);

    // Cloud Tasks may deliver again whatever it held, and the spool too.
    await services.putAgain(queued);
    for (const { name, bytes } of spooled) await services.bucket.file(name).save(bytes, { resumable: false });
    await scene.drain();
    // The validator's word is the validator's to take back; documents of deleted files go by cleanup.
    const evaluation = { task_id: 'done', validator_uid: 3, evaluation_data: { best: null } };
    await scene.call('ingest', 'POST', '/api/v1/validator/evaluation', evaluation);
    await scene.drain();
    await scene.stack.advance(3 * hourMs);
    const last = await services.dump();
    assert.deepEqual(placesOf(last, ...of7()), []);
    assert.deepEqual(
      [...last.keys()].filter((place) => place.includes('erasing')),
      [],
    );

    // Answers that waited are in their tasks by now.
    const kept = others(last);
    for (const place of ['tasks/batch', 'tasks/late', 'tasks/spoken', 'tasks/spooled'])
      assert.ok(kept.delete(place), place);
    // The document of the other's speech that waited has been written, too.
    const written = [...kept.keys()].filter((place) => place.startsWith('files/') && !first.has(place));
    assert.equal(written.length, 1);
    kept.delete(written[0] ?? '');
    assert.deepEqual(kept, others(first));
    const { json } = await scene.call('read', 'GET', '/v1/tasks/large');
    assert.deepEqual(
      [json['status'], json['response_count'], json['best_response']],
      ['completed', 1, { miner_uid: 8, score: 0.8 }],
    );
    const revoked = await fetch(`${scene.stack.urls.hosting}/api/v1/miners/7/tasks`, {
      headers: { 'x-api-key': scene.keys[7].key },
    });
    assert.equal(revoked.status, 401);
  });

  it('finds nothing when it is run again', async () => {
    const { code, stdout } = await erase('--dry-run');
    assert.deepEqual([code, stdout.trim().split('\n').length], [0, 1], stdout);
    assert.equal((await erase('--yes')).code, 0);
    // A later version's answer waits for that version, so it is not done.
    const line = { kind: 'later', taskId: 'late', stamp: 'x'.repeat(21), response: { miner_uid: 7 } };
    const { packed } = await foldText(JSON.stringify(line));
    const waiting = { schema: 3, due_ms: scene.stack.now(), count: 1, events: packed.toString('base64') };
    const url = `${scene.stack.urls.functions}/sluice-flush`;
    await services.putAgain([{ httpRequest: { url, body: Buffer.from(JSON.stringify({ data: waiting })) } }]);
    const notDone = await erase('--yes');
    assert.equal(notDone.code, 3, notDone.stdout);
    // The other's uid, as somebody else.
    const other = await scene.run('erase.ts', '--miner', '8', '--hotkey', hotkeys[7], '--dry-run');
    assert.match(other.stdout, /^key .*: speaks for others too, and would stay\nCost: /);
  });
});
