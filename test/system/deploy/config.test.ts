import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { deployedId } from '../../../functions/src/config.ts';
import { ttlField } from '../../../functions/src/platform/documents.ts';
import { discoverFunctions } from '../../../local/functions/discovery.ts';
import { idPrefixOf, readHostingConfig } from '../../../local/hosting/config.ts';

const root = join(import.meta.dirname, '../../..');
const firebaseJson = join(root, 'firebase.json');
const config = JSON.parse(readFileSync(firebaseJson, 'utf8'));
/** The Firebase CLI's own modules judge what it will be given. */
const cli = createRequire(createRequire(import.meta.url).resolve('firebase-tools/package.json'));

describe('functions/.env', () => {
  it('holds variables that the CLI deploys and Node accepts: a young generation of 32 MB', () => {
    const { parseStrict } = cli('firebase-tools/lib/functions/env.js');
    const env = parseStrict(readFileSync(join(root, 'functions/.env'), 'utf8'));
    assert.deepEqual(env, { NODE_OPTIONS: '--max-semi-space-size=32' });
    const printed = execFileSync(process.execPath, ['-p', '1 + 1'], { env, encoding: 'utf8' });
    assert.equal(printed.trim(), '2');
  });
});

describe('firebase.json', () => {
  it('is what the CLI’s schema allows', () => {
    const { default: Ajv } = cli('ajv');
    const { default: addFormats } = cli('ajv-formats');
    const ajv = new Ajv({ allowUnionTypes: true });
    addFormats(ajv);
    const schema = JSON.parse(
      readFileSync(cli.resolve('firebase-tools/schema/firebase-config.json'), 'utf8'),
    );
    const validate = ajv.compile(schema);
    assert.equal(validate(config), true, JSON.stringify(validate.errors));
  });

  it('names files that exist, and the runtime that the functions ask for', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'functions/package.json'), 'utf8'));
    assert.equal(config.functions[0].runtime, `nodejs${engines.node}`);
    const files = [
      config.firestore.rules,
      config.firestore.indexes,
      config.storage.rules,
      `${config.hosting.public}/index.html`,
    ];
    for (const file of files) assert.notEqual(readFileSync(join(root, file), 'utf8'), '', file);
  });

  it('sends each route of the contract to the function that serves it', () => {
    const { rewrites } = readHostingConfig(firebaseJson);
    const served = (path: string): string | undefined =>
      rewrites.find(({ pattern }) => pattern.test(path))?.functionId;
    for (const path of ['/v1/responses', '/v1/operations', '/api/v1/miner/response'])
      assert.equal(served(path), 'sluice-ingest', path);
    for (const path of ['/v1/status', '/v1/keys/a', '/healthz', '/health', '/openapi.json']) {
      assert.equal(served(path), 'sluice-api', path);
    }
    assert.equal(served('/api/v1/miners/7/tasks'), 'sluice-polls');
    for (const path of ['/', '/v2/tasks', '/other']) assert.equal(served(path), undefined, path);
  });

  it('rewrites to functions that are deployed, wherever their region is', async () => {
    const functionsDir = join(root, 'functions');
    const { endpoints } = await discoverFunctions({
      functionsDir,
      projectId: 'demo-x',
      storageBucket: 'bucket',
    });
    const ids = Object.keys(endpoints).map((name) => idPrefixOf(firebaseJson, functionsDir) + name);
    for (const rewrite of config.hosting.rewrites) {
      assert.deepEqual(Object.keys(rewrite.function), ['functionId'], 'the CLI finds the region');
      assert.ok(ids.includes(rewrite.function.functionId), rewrite.function.functionId);
    }
  });

  it('has a code base and ids of its own, which the functions know', () => {
    const functionsDir = join(root, 'functions');
    assert.equal(config.functions[0].codebase, 'sluice');
    assert.equal(`${idPrefixOf(firebaseJson, functionsDir)}flush`, deployedId('flush'));
  });
});

describe('firestore.indexes.json', () => {
  const indexes = JSON.parse(readFileSync(join(root, 'firestore.indexes.json'), 'utf8'));

  it('is what the CLI takes', () => {
    const { FirestoreApi } = cli('firebase-tools/lib/firestore/api');
    const api = new FirestoreApi();
    api.validateSpec(api.upgradeOldSpec(indexes));
  });

  it('exempts every time field and every large map of a task: one of them indexed would cap it at 500 writes/s', () => {
    const exempt = indexes.fieldOverrides
      .filter(
        (each: { collectionGroup: string; indexes: object[] }) =>
          each.collectionGroup === 'tasks' && each.indexes.length === 0,
      )
      .map((each: { fieldPath: string }) => each.fieldPath);
    const every = indexes.fieldOverrides.find((each: { fieldPath: string }) => each.fieldPath === '*');
    assert.ok(!('ttl' in every), 'the service refuses to be told of a TTL for every field');
    for (const field of [
      // Whatever a proxy's further fields hold.
      '*',
      'created_at',
      'updated_at',
      'first_response_at',
      'completed_at',
      'distributed_at',
      'deadline_at',
      'written_at',
      'sluice_expires_at',
      'miner_responses',
      'metadata',
      'evaluations',
      'best_response',
      'input_text',
      'input_file',
    ]) {
      assert.ok(exempt.includes(field), field);
    }
  });

  it('lets tasks and tombstones expire by a field that others’ documents in such collections do not have', () => {
    const byTtl = (ttl: boolean): string[] =>
      indexes.fieldOverrides
        .filter((each: { ttl?: boolean }) => each.ttl === ttl)
        .map(
          (each: { collectionGroup: string; fieldPath: string }) =>
            `${each.collectionGroup} ${each.fieldPath}`,
        );
    assert.deepEqual(byTtl(true), [`tasks ${ttlField}`, `tombstones ${ttlField}`]);
    // A deploy ends the rules of earlier versions.
    assert.deepEqual(byTtl(false), ['tasks expires_at', 'tombstones expires_at']);
  });
});
