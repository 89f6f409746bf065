import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { serviceChecks } from '../../../scripts/doctor/serviceChecks.ts';
import { build } from '../../support/build.ts';

const script = join(import.meta.dirname, '../../../scripts/doctor.ts');

function doctor(...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [script, ...args],
      { env: { PATH: process.env['PATH'] } },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
  });
}

describe('npm run doctor, with the local stack', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    build();
    stack = await startStack({ ports: 'free', quiet: true });
  });
  after(() => stack.close());

  it('sends a response, reads it back, and ends with 0', async () => {
    const { code, output } = await doctor('--url', stack.urls.hosting, '--key', 'local-admin-key');
    assert.equal(code, 0, output);
    assert.match(output, /^ok {5}dead letters: 0$/m);
    assert.match(output, /^ok {5}canary: written and read back in [\d.]+ s$/m);
  });

  async function post(path: string, body: object): Promise<void> {
    const headers = { 'X-API-Key': 'local-admin-key', 'content-type': 'application/json' };
    const options = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(stack.urls.hosting + path, options);
    assert.ok(answer.ok, await answer.text());
  }
  const answer = { task_id: 'waits', miner_uid: 1, response_data: {} };

  it('tells a queue that is paused and how old its events are, sends no canary, and says how it goes on', async () => {
    await post('/v1/queue/pause', { until: new Date(stack.now() + 86_400_000).toISOString() });
    await post('/v1/responses', answer);
    await stack.advance(700_000);
    const { code, output } = await doctor('--url', stack.urls.hosting, '--key', 'local-admin-key');
    await post('/v1/queue/resume', {});
    assert.equal(code, 1, output);
    assert.match(
      output,
      /^WRONG {2}backlog: the oldest event is 7\d\d s old; paused until \S+\n +→ curl .*\/v1\/queue\/resume$/m,
    );
    assert.doesNotMatch(output, /canary/);
  });

  it('tells events that wait though nobody paused, a canary that does not come, and dead letters', async () => {
    for (const [type, field] of [
      ['set', 'a'],
      ['update', 'b'],
    ]) {
      const operation = { type, path: 'big/1', data: { [field ?? '']: 'x'.repeat(700_000) } };
      await post('/v1/operations?visibility=prompt', { operations: [operation] });
      await stack.advance(60_000);
    }
    stack.addFault({
      service: 'functions',
      method: 'flush',
      code: 500,
      rate: 1,
      forMs: 86_400_000,
      phase: 'before',
    });
    await post('/v1/responses', answer);
    await stack.advance(700_000);
    const base = stack.urls.hosting;
    const service = { base, key: 'local-admin-key', newId: () => 'canary-lost', canaryLimitMs: 0 };
    const found = await serviceChecks(service);
    stack.clearFaults();
    const wrongs = found.flatMap((each) =>
      each.isWell ? [] : [`${each.check}: ${each.detail} → ${each.mend}`],
    );
    assert.equal(wrongs.length, 3, wrongs.join('\n'));
    assert.match(
      wrongs[0] ?? '',
      /^backlog: the oldest event is [78]\d\d s old → npx firebase functions:log /,
    );
    assert.match(wrongs[1] ?? '', /^dead letters: 1 → curl .*\/v1\/dead-letters, then replay or drop each$/);
    assert.match(wrongs[2] ?? '', /^canary: .* → npx firebase functions:log/);
  });

  it('ends with 1 and says what to do where a key is not known', async () => {
    const unknown = await doctor('--url', stack.urls.hosting, '--key', 'none-of-ours');
    assert.equal(unknown.code, 1);
    assert.match(unknown.output, /^WRONG {2}status: .*401.*\n +→ give a key of role admin/m);
  });

  it('asks once where the key may not send a canary, as that stays so', async () => {
    const ids: string[] = [];
    const newId = () => `canary-${ids.push('')}`;
    const found = await serviceChecks({ base: stack.urls.hosting, key: 'local-read-key', newId });
    const wrongs = found.flatMap((each) => (each.isWell ? [] : [`${each.check}: ${each.detail}`]));
    assert.match(wrongs.at(-1) ?? '', /^canary: .*A key of role read cannot call POST \/v1\/tasks/);
    assert.equal(ids.length, 1);
  });

  it('ends with 1 where nothing answers, and with 2 where it is called wrongly', async () => {
    const nobody = await doctor('--url', 'http://127.0.0.1:9');
    assert.equal(nobody.code, 1);
    assert.match(nobody.output, /^WRONG {2}answers: /m);
    assert.equal((await doctor()).code, 2);
    assert.equal((await doctor('--url', 'http://127.0.0.1:9', '--unknown')).code, 2);
    const bare = await doctor('--url', '127.0.0.1:9');
    assert.equal(bare.code, 2);
    assert.match(bare.output, /expected an address such as .*, got 127\.0\.0\.1:9/);
  });

  it('says what it did not look at where no key is given', async () => {
    const keyless = await doctor('--url', stack.urls.hosting);
    assert.equal(keyless.code, 0);
    assert.match(
      keyless.output,
      /^Not looked at, .* \(--key, or SLUICE_ADMIN_KEY\): what waits, dead letters/m,
    );
  });
});
