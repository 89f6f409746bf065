import assert from 'node:assert/strict';
import { signIn, viewsOf } from './browser.ts';
import type { Stand } from './stand.ts';

export function signInTests(stand: Stand): void {
  describe('at its sign-in', () => {
    it('refuses a key that Sluice does not know, and keeps nothing of it', async () => {
      const one = await stand.openPage();
      await signIn(one, 'sluice_no_such_key');
      await one.page.getByRole('alert').getByText('Sluice does not know this key.').waitFor();
      assert.equal(await one.page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })'), '{}');
      await one.page.keyboard.press('Control+A');
      await signIn(one, 'local-read-key');
      await viewsOf(one).waitFor();
    });

    it('refuses a key of a role that may not see the status, in the server’s words', async () => {
      const one = await stand.openPage();
      await signIn(one, 'local-miner-key');
      await one.page.getByRole('alert').getByText('A key of role miner cannot call').waitFor();
    });

    it('keeps the key for this tab alone, over a reload, until somebody signs out', async () => {
      const one = await stand.enter('admin');
      await one.page.reload();
      await viewsOf(one).waitFor();
      assert.equal(await one.page.evaluate('localStorage.length + document.cookie.length'), 0);
      const other = await one.context.newPage();
      await other.goto(stand.address(''));
      await other.getByLabel('API key').waitFor();
      await one.page.getByRole('button', { name: 'Sign out' }).click();
      await one.page.getByLabel('API key').waitFor();
      assert.equal(await one.page.evaluate("sessionStorage.getItem('sluice.key')"), null);
    });
  });

  describe('with another key', () => {
    it('stays when an answer comes late that the first one is not known', async () => {
      const one = await stand.enter('admin', '#/queue');
      const { promise: isTime, resolve: answer } = Promise.withResolvers<void>();
      await one.page.route('**/v1/flush*', async (route) => {
        await isTime;
        await route.fulfill({ status: 401, json: { code: 'unauthenticated', detail: 'Not known.' } });
      });
      await one.page.getByRole('button', { name: 'Write everything now' }).click();
      await one.page.getByRole('button', { name: 'Sign out' }).click();
      await one.page.getByLabel('API key').focus();
      await signIn(one, 'local-read-key');
      await viewsOf(one).waitFor();
      const answered = one.page.waitForResponse('**/v1/flush*');
      answer();
      await (await answered).finished();
      await one.page.getByRole('button', { name: 'Ask for new figures' }).click();
      await one.page.waitForResponse('**/v1/status*');
      assert.equal(await viewsOf(one).isVisible(), true);
    });
  });

  describe('with a key of role read', () => {
    it('offers no action, and asks for nothing that the key may not', async () => {
      const one = await stand.enter('read');
      const names = await viewsOf(one).getByRole('link').allInnerTexts();
      assert.deepEqual(names, ['Overview', 'Tasks', 'Files', 'Cost']);
      for (const place of ['dead-letters', 'queue', 'keys']) {
        await one.page.goto(stand.address(`#/${place}`));
        await one.page.getByText(/This takes a key of role .*; yours has role read/).waitFor();
        assert.equal(await one.page.getByRole('main').getByRole('button').count(), 0);
      }
      const asked = new Set(one.requests.filter((request) => request.includes('/v1/')));
      asked.delete('GET /v1/status?detail=true');
      assert.deepEqual([...asked], ['GET /v1/status']);
    });

    it('lets a proxy write now, and no more', async () => {
      const one = await stand.enter('proxy', '#/queue');
      await one.page.getByRole('button', { name: 'Write everything now' }).waitFor();
      assert.equal(await one.page.getByRole('button', { name: /Pause|Resume/ }).count(), 0);
    });
  });
}
