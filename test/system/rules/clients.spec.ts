/**
 * Rules for a client without the Admin SDK: it may do nothing. Runs against the official Firestore and Storage
 * emulators only (`npm run test:official`, in CI), as rules are theirs: so it is not among the tests of `npm test`.
 */
import assert from 'node:assert/strict';

const projectId = process.env['GCLOUD_PROJECT'] ?? 'demo-sluice';
const documents = `http://${process.env['FIRESTORE_EMULATOR_HOST']}/v1/projects/${projectId}/databases/(default)/documents`;
const objects = `http://${process.env['FIREBASE_STORAGE_EMULATOR_HOST']}/v0/b/${projectId}.appspot.com/o`;
const document = JSON.stringify({ fields: { status: { stringValue: 'approved' } } });
const headers = { 'Content-Type': 'application/json' };

describe('a client', () => {
  before(async () => {
    const owner = { ...headers, Authorization: 'Bearer owner' };
    const url = `${documents}/tasks?documentId=one`;
    const { status } = await fetch(url, { method: 'POST', headers: owner, body: document });
    assert.ok(status === 200 || status === 409, `the Admin SDK’s way works: ${status}`);
  });

  for (const path of ['tasks/one', 'quota/ledger', 'files/one', 'anything/else']) {
    it(`neither reads nor writes ${path}`, async () => {
      assert.equal((await fetch(`${documents}/${path}`)).status, 403);
      const change = { method: 'PATCH', headers, body: document };
      assert.equal((await fetch(`${documents}/${path}`, change)).status, 403);
      assert.equal((await fetch(`${documents}/${path}`, { method: 'DELETE' })).status, 403);
    });
  }

  it('with the claim of an operator reads what is known of files, and changes nothing', async () => {
    const claims = { sub: 'operator', user_id: 'operator', admin: true };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    // The emulator takes tokens that nobody signed.
    const token = `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
    const operator = { ...headers, Authorization: `Bearer ${token}` };
    assert.equal((await fetch(`${documents}/files/none`, { headers: operator })).status, 404);
    assert.equal((await fetch(`${documents}/tasks/one`, { headers: operator })).status, 403);
    const change = { method: 'PATCH', headers: operator, body: document };
    assert.equal((await fetch(`${documents}/files/none`, change)).status, 403);
  });

  it('lists no collection', async () => {
    assert.equal((await fetch(`${documents}/tasks`)).status, 403);
  });

  for (const name of ['control/keys.json', 'bodies/one', 'spool/one', 'user_audio/one']) {
    it(`neither reads nor writes ${name}`, async () => {
      assert.equal((await fetch(`${objects}/${encodeURIComponent(name)}?alt=media`)).status, 403);
      const upload = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'x' };
      assert.equal((await fetch(`${objects}?name=${encodeURIComponent(name)}`, upload)).status, 403);
    });
  }
});
