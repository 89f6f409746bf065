import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import {
  type FunctionName,
  ownConcurrency,
  profiles,
  type Size,
  sizeOf,
} from '../../../functions/src/app/sizes.ts';
import { build } from '../../support/build.ts';

const root = join(import.meta.dirname, '../../..');
/** The Firebase CLI’s own modules find and judge what would be deployed. */
const cli = createRequire(createRequire(import.meta.url).resolve('firebase-tools/package.json'));

/** vCPUs that a new project has in a region. */
const newProjectVcpus = 10;

type Endpoint = Pick<Size, 'cpu' | 'concurrency' | 'maxInstances'> & {
  id: string;
  availableMemoryMb: number;
  taskQueueTrigger?: { rateLimits: { maxConcurrentDispatches: number } };
};

describe('sizes as the Firebase CLI sees them', () => {
  const ownSize = 'INGEST_CPU=0.5\nINGEST_MEMORY=512MiB\nINGEST_MAX_INSTANCES=8\n';
  const files = ['', ownSize, ...Object.keys(profiles).map((profile) => `PROFILE=${profile}\n`)];
  let found: Map<string, Map<string, Endpoint>>;
  before(async () => {
    build();
    const directory = mkdtempSync(join(tmpdir(), 'sluice-sizes-'));
    try {
      // Together, as the CLI waits more than it works.
      const all = files.map(
        async (lines) => [lines, await deployed(lines, mkdtempSync(join(directory, 'a-')))] as const,
      );
      found = new Map(await Promise.all(all));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
  const foundWith = (lines: string): Map<string, Endpoint> => found.get(lines) ?? new Map();

  /** Functions that a deploy finds where the project’s .env file has these lines; throws what the CLI refuses. */
  async function deployed(lines: string, directory: string): Promise<Map<string, Endpoint>> {
    writeFileSync(join(directory, '.env.demo-sizes'), lines);
    const { loadCodebases } = cli('firebase-tools/lib/deploy/functions/prepare');
    const { toBackend } = cli('firebase-tools/lib/deploy/functions/build');
    const { endpointsAreValid } = cli('firebase-tools/lib/deploy/functions/validate');
    const { allEndpoints, empty } = cli('firebase-tools/lib/deploy/functions/backend');
    const { ParamValue } = cli('firebase-tools/lib/deploy/functions/params');
    const bucket = 'demo-sizes.firebasestorage.app';
    const builds = await loadCodebases(
      [
        {
          source: 'functions',
          codebase: 'default',
          runtime: 'nodejs24',
          configDir: relative(root, directory),
          disallowLegacyRuntimeConfig: true,
        },
      ],
      {
        project: 'demo-sizes',
        projectId: 'demo-sizes',
        config: { path: (name: string) => join(root, name), projectDir: root },
      },
      { projectId: 'demo-sizes', storageBucket: bucket },
      {},
    );
    const values = { STORAGE_BUCKET: new ParamValue(bucket, false, { string: true }) };
    const backend = toBackend(builds.default, values);
    endpointsAreValid(backend, empty());
    return new Map(allEndpoints(backend).map((endpoint: Endpoint) => [endpoint.id, endpoint]));
  }

  for (const profile of Object.keys(profiles)) {
    it(`profile ${profile}: all of it is valid, and fits a new project`, () => {
      const endpoints = foundWith(`PROFILE=${profile}\n`);
      let vcpus = 0;
      for (const { id, cpu, concurrency, maxInstances, taskQueueTrigger } of endpoints.values()) {
        const size = profiles[profile]?.[id as FunctionName];
        assert.deepEqual(
          [cpu, concurrency, maxInstances],
          [size?.cpu, size?.concurrency, size?.maxInstances],
        );
        // A full instance would answer 429, which slows the whole queue.
        const dispatches = taskQueueTrigger?.rateLimits.maxConcurrentDispatches ?? 0;
        assert.ok(dispatches <= concurrency * maxInstances, id);
        vcpus += cpu * maxInstances;
      }
      assert.equal(endpoints.size, Object.keys(profiles[profile] ?? {}).length);
      assert.ok(vcpus <= newProjectVcpus, `${vcpus} vCPUs`);
    });
  }

  it('are the default profile’s where nothing is said, and what an .env file says instead', () => {
    assert.equal(foundWith('').get('ingest')?.concurrency, profiles['default']?.ingest.concurrency);
    const { cpu, availableMemoryMb, concurrency, maxInstances } = foundWith(ownSize).get('ingest') ?? {};
    assert.deepEqual([cpu, availableMemoryMb, concurrency, maxInstances], [0.5, 512, 1, 8]);
  });
});

describe('a function’s size', () => {
  it('is refused where there is no such profile, or the platform would refuse it', () => {
    const refused = (env: Record<string, string>, message: RegExp): void => {
      assert.throws(() => sizeOf('ingest', env), message);
    };
    refused({ PROFILE: 'large' }, /^Error: PROFILE is large: expected default or small\.$/);
    refused({ PROFILE: 'toString' }, /expected default or small/);
    for (const cpu of ['0.05', '1.5', '3', 'much'])
      refused({ INGEST_CPU: cpu }, /The size of ingest, .*a CPU from/);
    refused({ INGEST_MEMORY: '300MiB' }, /expected a memory of 256MiB, 512MiB/);
    for (const count of ['0', '1001', '2.5', 'x'])
      refused({ INGEST_CONCURRENCY: count }, /a concurrency from 1 to 1000/);
    refused({ INGEST_MAX_INSTANCES: '0' }, /at least 1/);
    refused({ PROFILE: 'small', INGEST_CONCURRENCY: '2' }, /less than 1 vCPU serves one request at a time/);
    refused({ PROFILE: 'small', INGEST_MEMORY: '1GiB' }, /more than 512MiB need 0\.5 vCPU/);
    refused({ PROFILE: 'small', INGEST_CPU: '0.5', INGEST_MEMORY: '2GiB' }, /more than 1GiB need 1 vCPU/);
  });

  it('is the one of docs/sizes.md', () => {
    const page = readFileSync(join(root, 'docs/sizes.md'), 'utf8');
    const usualSizes: Record<string, Size> = {};
    const smallSizes: Record<string, Size> = {};
    const row = /^\| `(\w+)` \| (.+? at most) \| (.+?) \|$/gm;
    for (const [, name = '', usual = '', small = ''] of page.matchAll(row)) {
      usualSizes[name] = readSize(usual);
      smallSizes[name] = readSize(small === 'the same' ? usual : small);
    }
    assert.deepEqual({ default: usualSizes, small: smallSizes }, profiles);
  });

  it('has a concurrency of 1 below one vCPU, unless that is said', () => {
    assert.equal(sizeOf('ingest', { INGEST_CPU: '0.9', INGEST_MEMORY: '512MiB' }).concurrency, 1);
    assert.equal(
      sizeOf('ingest', { PROFILE: 'small', INGEST_CPU: '1', INGEST_CONCURRENCY: '80' }).concurrency,
      80,
    );
  });

  it('is known to the function itself', () => {
    assert.equal(ownConcurrency({ FUNCTION_TARGET: 'ingest', PROFILE: 'small' }), 1);
    assert.equal(ownConcurrency({ FUNCTION_TARGET: 'api' }), profiles['default']?.api.concurrency);
    assert.equal(ownConcurrency({ FUNCTION_TARGET: 'valueOf' }), undefined);
    assert.equal(ownConcurrency({}), undefined);
  });
});

/** Reads `1 vCPU, 1GiB, 300 at once, 3 at most`. */
function readSize(text: string): Size {
  const [cpu = '', memory, concurrency = '', maxInstances = ''] = text.split(', ');
  return {
    cpu: Number.parseFloat(cpu),
    memory: memory as Size['memory'],
    concurrency: Number.parseInt(concurrency, 10),
    maxInstances: Number.parseInt(maxInstances, 10),
  };
}
