import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import { build as bundle } from 'esbuild';
import { build } from '../support/build.ts';
import { FaultServer } from './faultServer.ts';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);

describe("the TypeScript client's package", function () {
  this.timeout(60_000);
  let server: FaultServer;
  let folder: string;
  let installed: string;
  before(async () => {
    build();
    server = await FaultServer.start();
    folder = mkdtempSync(join(tmpdir(), 'sluice-ts-'));
    installed = join(folder, 'node_modules/sluice-client');
    mkdirSync(installed, { recursive: true });
    copyFileSync(join(root, 'clients/typescript/package.json'), join(installed, 'package.json'));
    await tsc('-p', join(root, 'clients/typescript'), '--outDir', join(installed, 'dist'));
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    server.kept.length = 0;
  });

  async function tsc(...args: string[]): Promise<void> {
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    await run(process.execPath, [compiler, ...args]).catch((error: { stdout: string }) =>
      assert.fail(error.stdout),
    );
  }

  /** Runs a program that has the package installed; answers what it prints. */
  async function program(text: string, ...flags: string[]): Promise<string> {
    const file = join(folder, 'program.mjs');
    writeFileSync(file, `import * as sluice from 'sluice-client';\n${text}`);
    const { stdout } = await run(process.execPath, [...flags, file, server.url, join(folder, 'outbox.db')]);
    return stdout.trim();
  }

  it('has an outbox in Node, and keeps no process alive with it', async () => {
    const said = await program(`
      const client = new sluice.Sluice({ url: process.argv[2], key: 'k', outbox: process.argv[3] });
      await client.delete('a/1');
      console.log(await client.drain());
    `);
    assert.equal(said, 'true');
    assert.deepEqual(
      server.kept.map(({ path }) => path),
      ['a/1'],
    );
  });

  it('works without an outbox where there is no SQLite, and says so where one is asked for', async () => {
    const said = await program(
      `
      await using client = new sluice.Sluice({ url: process.argv[2], key: 'k' });
      await client.delete('a/2');
      try {
        new sluice.Sluice({ url: process.argv[2], key: 'k', outbox: process.argv[3] });
      } catch (error) {
        console.log(error.name, error.message);
      }
      `,
      '--no-experimental-sqlite',
    );
    assert.match(said, /^ConfigurationError outbox: this needs node:sqlite, which Node has from 22\.13 on/);
    assert.deepEqual(
      server.kept.map(({ path }) => path),
      ['a/2'],
    );
  });

  it('is bundled for browsers, and works there', async () => {
    const { outputFiles } = await bundle({
      stdin: { contents: "export * from 'sluice-client';", resolveDir: folder },
      bundle: true,
      platform: 'browser',
      format: 'iife',
      globalName: 'sluice',
      write: false,
      logLevel: 'silent',
    });
    const page = createContext({
      ...{ AbortController, Blob, TextDecoder, TextEncoder, URL, URLSearchParams },
      ...{ btoa, clearTimeout, console, crypto, fetch, performance, setTimeout },
    });
    runInContext(outputFiles[0]?.text ?? '', page);
    await runInContext(
      `(async () => {
        const client = new sluice.Sluice({ url: ${JSON.stringify(server.url)}, key: 'k' });
        await client.createTask('translation', { input_text: 'Hallo' });
        await client.set('a/3', { at: new Date(0), bytes: new Uint8Array([1]), now: sluice.SERVER_TIMESTAMP });
      })()`,
      page,
    );
    assert.deepEqual(
      server.kept.map(({ type }) => type),
      ['task', 'set'],
    );
    const asked = `new sluice.Sluice({ url: 'http://x', key: 'k', outbox: 'o.db' })`;
    assert.throws(() => runInContext(asked, page), /^ConfigurationError: outbox/);
  });

  it('has types that need none of Node, and know the API', async () => {
    const page = `
      import { type Task, Sluice, NotFound } from 'sluice-client';
      const client = new Sluice({ url: 'http://x', key: 'k', fetch });
      export async function best(id: string): Promise<number | undefined> {
        const task: Task = await client.getTask(id, { wait: true });
        await client.createTask('translation', { input_text: 'Hallo', required_miner_count: 1 });
        await client.setFields(id, { priority: null, status: 'approved' });
        // @ts-expect-error
        await client.setFields(id, { status: 'no such status' });
        // @ts-expect-error
        await client.sendResponse(id, '7', {});
        return task.best_response?.miner_uid;
      }
      export const isGone = (error: unknown): boolean => error instanceof NotFound && error.status === 404;
    `;
    writeFileSync(join(folder, 'page.ts'), page);
    const strict = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--skipLibCheck', 'false'];
    const target = ['--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler'];
    const lib = ['--lib', 'es2022,esnext.disposable,dom', '--types', ''];
    await tsc('--ignoreConfig', ...strict, ...target, ...lib, join(folder, 'page.ts'));
  });
});
