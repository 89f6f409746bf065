import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const guard = new URL('../../functions/src/http/guard.ts', import.meta.url).href;

/** A process with the guard that sends itself a body, and prints the headers and the body that its listener gets. */
const program = `
  import { once } from 'node:events';
  import { createServer, request } from 'node:http';
  import { text } from 'node:stream/consumers';
  import { keepBodiesFor } from ${JSON.stringify(guard)};
  keepBodiesFor(['ingest', 'api']);
  const server = createServer(async (incoming, answer) => {
    const { 'content-length': length = null, 'transfer-encoding': encoding = null } = incoming.headers;
    answer.end(JSON.stringify({ length, encoding, body: await text(incoming) }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  for (const headers of [{ 'content-length': 4 }, { 'transfer-encoding': 'chunked' }]) {
    const sent = request({ port: server.address().port, method: 'POST', headers, agent: false });
    sent.end('body');
    const [answer] = await once(sent, 'response');
    console.log(await text(answer));
  }
  server.close();
`;

async function received(functionName: string): Promise<unknown[]> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    env: { PATH: process.env['PATH'], FUNCTION_TARGET: functionName },
  });
  return stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

describe('the guard before the framework’s parsers, in a process', () => {
  it('takes away the headers by which a parser looks for a body, and leaves the body', async () => {
    const unannounced = { length: null, encoding: null, body: 'body' };
    assert.deepEqual(await received('ingest'), [unannounced, unannounced]);
  });

  it('leaves functions alone that it is not for', async () => {
    assert.deepEqual(await received('flush'), [
      { length: '4', encoding: null, body: 'body' },
      { length: null, encoding: 'chunked', body: 'body' },
    ]);
  });
});
