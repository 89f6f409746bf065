import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type LocalStack, startStack } from '../../../local/stack.ts';
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

  it('ends with 1 and says what to do where a key is not known, or work is parked', async () => {
    const unknown = await doctor('--url', stack.urls.hosting, '--key', 'none-of-ours');
    assert.equal(unknown.code, 1);
    assert.match(unknown.output, /^WRONG {2}status: .*401.*\n +→ a key of role admin/m);
  });

  it('ends with 1 where nothing answers, and with 2 where it is called wrongly', async () => {
    const nobody = await doctor('--url', 'http://127.0.0.1:9');
    assert.equal(nobody.code, 1);
    assert.match(nobody.output, /^WRONG {2}answers: /m);
    assert.equal((await doctor()).code, 2);
    assert.equal((await doctor('--url', 'http://127.0.0.1:9', '--unknown')).code, 2);
  });
});
