import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { discoverFunctions } from '../../local/functions/discovery.ts';
import { readEnvFiles } from '../../local/functions/env-files.ts';
import { resolveFunctions, resolveParams, type WireManifest } from '../../local/functions/manifest.ts';

function manifestOf(endpoint: object, params: WireManifest['params'] = []): WireManifest {
  return {
    specVersion: 'v1alpha1',
    params,
    endpoints: { one: { entryPoint: 'one', httpsTrigger: {}, ...endpoint } },
  };
}

function resolveOne(endpoint: object, params: Record<string, string> = {}) {
  const [spec] = resolveFunctions(manifestOf(endpoint), params, 'us-central1');
  assert.ok(spec);
  return spec;
}

describe('a code base’s manifest', () => {
  it('gives the platform’s defaults to what is not set', () => {
    assert.deepEqual(resolveOne({ concurrency: null, timeoutSeconds: null }), {
      name: 'one',
      id: 'one',
      entryPoint: 'one',
      vcpu: 1,
      concurrency: 80,
      minInstances: 0,
      maxInstances: 100,
      memoryBytes: 256 * 1024 * 1024,
      timeoutMs: 60_000,
      secrets: [],
      trigger: { kind: 'https' },
    });
  });

  it('serves one request at a time with less than a CPU', () => {
    assert.equal(resolveOne({ cpu: 0.5 }).concurrency, 1);
    assert.equal(resolveOne({ cpu: 'gcf_gen1' }).concurrency, 1);
    assert.equal(resolveOne({ cpu: 0.5, concurrency: 3 }).concurrency, 3);
  });

  it('has the vCPUs that are declared, else those that come with the memory', () => {
    assert.equal(resolveOne({ cpu: 0.167 }).vcpu, 0.167);
    assert.equal(resolveOne({ cpu: 'gcf_gen1', availableMemoryMb: 512 }).vcpu, 0.3333);
    assert.equal(resolveOne({ cpu: 'gcf_gen1', availableMemoryMb: 8192 }).vcpu, 2);
    const vcpuOf = (availableMemoryMb: number) => resolveOne({ availableMemoryMb }).vcpu;
    assert.deepEqual([128, 2048, 4096, 8192, 16_384, 32_768].map(vcpuOf), [1, 1, 2, 2, 4, 8]);
  });

  it('puts parameters into options, given ones before defaults', () => {
    const params = [
      { name: 'SIZE', type: 'int', default: 7 },
      { name: 'NAMES', type: 'list', default: ['a', 'b'] },
      { name: 'COPY', type: 'string', default: 'x{{ params.SIZE }}' },
      { name: 'HIDDEN', type: 'secret' },
    ];
    const manifest = manifestOf({ concurrency: '{{ params.SIZE }}' }, params);
    assert.deepEqual(resolveParams(manifest, {}), { SIZE: '7', NAMES: '["a","b"]', COPY: 'x7' });
    const given = resolveParams(manifest, { SIZE: '9' });
    assert.equal(resolveFunctions(manifest, given, 'us-central1')[0]?.concurrency, 9);
  });

  it('refuses what it cannot honour, by name', () => {
    const withoutDefault = manifestOf({}, [{ name: 'TOKEN', type: 'string' }]);
    assert.throws(() => resolveParams(withoutDefault, {}), /TOKEN has no default/);
    assert.throws(
      () => resolveOne({ concurrency: '{{ params.A == 1 ? 2 : 3 }}' }),
      /cannot evaluate.*params\.A == 1/,
    );
    assert.throws(() => resolveOne({ concurrency: '{{ params.A }}' }, { A: 'many' }), /not a number/);
    assert.throws(() => resolveOne({ region: ['europe-west1'] }), /one is not in region us-central1/);
    assert.throws(() => resolveOne({ httpsTrigger: undefined, eventTrigger: {} }), /one has a trigger/);
  });
});

describe('discovery', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(import.meta.dirname, '.fixture-'));
    writeFileSync(join(dir, 'package.json'), '{"type":"module","main":"index.js"}');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it('fails with the code’s own error when it does not load', async () => {
    writeFileSync(join(dir, 'index.js'), 'throw new Error("broken on purpose");');
    await assert.rejects(
      discoverFunctions({ functionsDir: dir, projectId: 'demo-x', storageBucket: 'b' }),
      /broken on purpose/,
    );
  });
});

describe('environment files', () => {
  it('are read as the CLI does: the project’s over the common, the local over both, secrets apart', () => {
    const dir = mkdtempSync(join(tmpdir(), 'env-files-'));
    try {
      writeFileSync(join(dir, '.env'), 'A=common\nB=common\nC=common\n');
      writeFileSync(join(dir, '.env.demo-x'), 'B=project\nC=project\n');
      writeFileSync(join(dir, '.env.local'), 'C="local # not a comment"\n');
      writeFileSync(join(dir, '.secret.local'), 'KEY=hidden\n');
      assert.deepEqual(readEnvFiles(dir, 'demo-x'), {
        env: { A: 'common', B: 'project', C: 'local # not a comment' },
        secrets: { KEY: 'hidden' },
      });
      assert.deepEqual(readEnvFiles(join(dir, 'absent'), 'demo-x'), { env: {}, secrets: {} });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
