import assert from 'node:assert/strict';
import { discoverFunctions } from '../../../local/functions/discovery.ts';
import type { WireManifest } from '../../../local/functions/manifest.ts';
import { build, functionsDir } from '../../support/build.ts';

/** The settings of a function that the Firebase CLI deploys; those left to the platform are null there. */
function settingsOf(endpoint: object | undefined): object {
  assert.ok(endpoint, 'the function is not deployed');
  const withoutNulls: object = JSON.parse(
    JSON.stringify(endpoint, (_key, value: unknown) => (value === null ? undefined : value)),
  );
  return withoutNulls;
}

const http = {
  platform: 'gcfv2',
  region: ['us-central1'],
  httpsTrigger: { invoker: ['public'] },
  secretEnvironmentVariables: [{ key: 'API_KEYS' }],
  labels: {},
};

describe('what the Firebase CLI finds to deploy', () => {
  let manifest: WireManifest;
  before(async () => {
    build();
    manifest = await discoverFunctions({
      functionsDir,
      projectId: 'demo-sluice',
      storageBucket: 'demo-sluice.firebasestorage.app',
    });
  });

  it('is these functions and no others', () => {
    assert.deepEqual(Object.keys(manifest.endpoints).sort(), [
      'api',
      'cleanup',
      'expire',
      'filed',
      'files',
      'flush',
      'ingest',
      'polls',
      'sweep',
    ]);
  });

  it('ingest: public, knows the keys, many requests to an instance', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['ingest']), {
      ...http,
      entryPoint: 'ingest',
      cpu: 1,
      availableMemoryMb: 1024,
      concurrency: 300,
      maxInstances: 3,
      timeoutSeconds: 60,
    });
  });

  it('api: public, knows the keys', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['api']), {
      ...http,
      entryPoint: 'api',
      cpu: 1,
      availableMemoryMb: 512,
      concurrency: 250,
      maxInstances: 2,
      timeoutSeconds: 60,
    });
  });

  it('polls: public, knows the keys, small', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['polls']), {
      ...http,
      entryPoint: 'polls',
      cpu: 0.167,
      availableMemoryMb: 512,
      concurrency: 1,
      maxInstances: 2,
      timeoutSeconds: 60,
    });
  });

  it('files: public, knows the keys, no more requests to an instance than bodies fit into its memory', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['files']), {
      ...http,
      entryPoint: 'files',
      cpu: 1,
      availableMemoryMb: 1024,
      concurrency: 8,
      maxInstances: 2,
      timeoutSeconds: 300,
    });
  });

  it('filed: hears of every object, again until it is done', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['filed']), {
      platform: 'gcfv2',
      region: ['us-central1'],
      entryPoint: 'filed',
      labels: {},
      cpu: 0.25,
      availableMemoryMb: 512,
      concurrency: 1,
      maxInstances: 2,
      eventTrigger: {
        eventType: 'google.cloud.storage.object.v1.finalized',
        eventFilters: { bucket: '{{ params.STORAGE_BUCKET }}' },
        retry: true,
      },
      timeoutSeconds: 60,
    });
  });

  it('cleanup: each hour, not repeated when it fails', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['cleanup']), {
      platform: 'gcfv2',
      region: ['us-central1'],
      entryPoint: 'cleanup',
      labels: {},
      cpu: 0.25,
      availableMemoryMb: 512,
      concurrency: 1,
      maxInstances: 1,
      timeoutSeconds: 540,
      scheduleTrigger: { schedule: 'every 1 hours', retryConfig: { retryCount: 0 } },
    });
  });

  it('flush: one instance with room for every dispatch at once, tried for ever', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['flush']), {
      platform: 'gcfv2',
      region: ['us-central1'],
      entryPoint: 'flush',
      labels: {},
      cpu: 1,
      availableMemoryMb: 1024,
      concurrency: 500,
      maxInstances: 1,
      timeoutSeconds: 120,
      taskQueueTrigger: {
        rateLimits: { maxConcurrentDispatches: 400, maxDispatchesPerSecond: 500 },
        retryConfig: { maxAttempts: -1, minBackoffSeconds: 1, maxBackoffSeconds: 60, maxDoublings: 6 },
      },
    });
  });

  it('expire: one instance, slow retries, tried for ever', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['expire']), {
      platform: 'gcfv2',
      region: ['us-central1'],
      entryPoint: 'expire',
      labels: {},
      cpu: 0.25,
      availableMemoryMb: 512,
      concurrency: 1,
      maxInstances: 1,
      timeoutSeconds: 60,
      taskQueueTrigger: {
        rateLimits: { maxConcurrentDispatches: 1, maxDispatchesPerSecond: 100 },
        retryConfig: { maxAttempts: -1, minBackoffSeconds: 10, maxBackoffSeconds: 600, maxDoublings: 6 },
      },
    });
  });

  it('sweep: each quarter of an hour, not repeated when it fails', () => {
    assert.deepEqual(settingsOf(manifest.endpoints['sweep']), {
      platform: 'gcfv2',
      region: ['us-central1'],
      entryPoint: 'sweep',
      labels: {},
      cpu: 0.5,
      availableMemoryMb: 512,
      concurrency: 1,
      maxInstances: 1,
      timeoutSeconds: 60,
      scheduleTrigger: { schedule: 'every 15 minutes', retryConfig: { retryCount: 0 } },
    });
  });

  it('has a default for every parameter, so that an emulator starts without asking', () => {
    const asked = (manifest.params ?? []).filter(
      (param) => param.type !== 'secret' && param.default === undefined,
    );
    assert.deepEqual(asked, []);
    assert.ok((manifest.params ?? []).length > 1);
  });
});
