import assert from 'node:assert/strict';
import { clickTwice, eventually, goTo, type Opened, sentBy, shows, signIn, viewsOf } from './browser.ts';
import type { Stand } from './stand.ts';

const hourMs = 3_600_000;

/** Presses Tab until the focus is on what has this name. */
async function tabTo({ page }: Opened, name: string): Promise<void> {
  for (let tabs = 0; tabs < 40; tabs += 1) {
    await page.keyboard.press('Tab');
    if ((await page.evaluate('document.activeElement?.textContent?.trim()')) === name) return;
  }
  assert.fail(`Tab does not lead to ${name}.`);
}

export function queueTests(stand: Stand): void {
  describe('with the queue', () => {
    it('writes what waits, by keyboard alone and once', async () => {
      await stand.call('ingest', 'POST', '/v1/tasks', { task_id: 'waits', task_type: 'tts' });
      assert.equal((await stand.call('read', 'GET', '/v1/tasks/waits')).status, 404);
      const one = await stand.enter('admin');
      await tabTo(one, 'Queue');
      await one.page.keyboard.press('Enter');
      await one.page.getByRole('heading', { level: 1, name: 'Queue' }).waitFor();
      await tabTo(one, 'Write everything now');
      await one.page.keyboard.press('Enter');
      await one.page.keyboard.press('Enter');
      await one.page.getByText('Waiting until it is written').waitFor();
      await eventually(async () => {
        await stand.stack.advance(1000);
        assert.match(
          await one.page.getByRole('main').innerText(),
          /Everything accepted before .* is written\./,
        );
      });
      assert.equal((await stand.call('read', 'GET', '/v1/tasks/waits')).status, 200);
      assert.deepEqual(sentBy(one), ['POST /v1/flush?wait=true']);
    });

    it('pauses until then, and resumes', async () => {
      const one = await stand.enter('admin', '#/queue');
      await one.page.getByRole('button', { name: 'Pause writing' }).click();
      const dialog = one.page.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Pause', exact: true }).click();
      await shows(one, /Paused until/);
      await stand.stack.advance(6000);
      const { backlog } = await stand.status();
      assert.equal(backlog?.parked_reason, 'paused');
      const awayMs = Date.parse(backlog?.parked_until ?? '') - Date.now();
      assert.ok(awayMs > hourMs - 120_000 && awayMs <= hourMs, String(awayMs));
      await one.page.getByRole('button', { name: 'Resume writing' }).click();
      await shows(one, /Writing goes on/);
      await stand.stack.advance(6000);
      assert.equal((await stand.status()).backlog?.parked_reason, null);
    });

    it('takes no end that is over or too far away, and asks nobody', async () => {
      const one = await stand.enter('admin', '#/queue');
      const field = one.page.getByLabel('Pause until');
      // As in a browser that does not check the field itself.
      await one.page.locator('form').evaluate((form) => form.setAttribute('novalidate', ''));
      for (const [until, trouble] of [
        ['2020-01-01T00:00', /over already/],
        ['2199-01-01T00:00', /within 20 days/],
      ] as const) {
        await field.fill(until);
        await one.page.getByRole('button', { name: 'Pause writing' }).click();
        await shows(one, trouble);
      }
      assert.deepEqual(sentBy(one), []);
    });
  });
}

export function keysTests(stand: Stand): void {
  describe('with keys', () => {
    it('makes one, shows it once, and goes back to the sign-in when it is revoked', async () => {
      const one = await stand.enter('admin', '#/keys');
      await one.page.getByLabel('Role').selectOption('admin');
      await one.page.getByLabel('Label, for you').fill('night shift');
      await clickTwice(one.page.getByRole('button', { name: 'Make the key' }));
      const key = await one.page.getByLabel('Key', { exact: true }).inputValue();
      assert.match(key, /^sluice_.{32}$/);
      assert.deepEqual(sentBy(one), ['POST /v1/keys']);
      await one.page.getByRole('button', { name: 'Copy' }).click();
      await shows(one, /Copied\./);
      assert.equal(await one.page.evaluate('navigator.clipboard.readText()'), key);
      await one.page.getByRole('button', { name: 'I have kept it' }).click();
      await one.page.getByLabel('Role').waitFor();
      assert.equal(await one.page.locator('#new-key').count(), 0, 'the page has it no more');

      const other = await stand.openPage('#/keys');
      await signIn(other, key);
      const own = other.page.locator('.row').filter({ hasText: 'night shift' });
      await own.getByText('your session').waitFor();
      const first = other.page.locator('.row').filter({ hasText: 'local-admin' });
      await first.getByText('from the secret').waitFor();
      assert.equal(await first.getByRole('button').count(), 0);
      await own.getByRole('button', { name: 'Revoke' }).click();
      const dialog = other.page.getByRole('dialog', { name: 'Revoke night shift?' });
      await dialog.getByText('ends your session').waitFor();
      await dialog.getByRole('button', { name: 'Revoke' }).click();
      await other.page.getByLabel('API key').waitFor();
      await shows(other, /revoked/);
      assert.equal(await other.page.evaluate("sessionStorage.getItem('sluice.key')"), null);
    });

    it('says which field is wrong, and asks nobody', async () => {
      const one = await stand.enter('admin', '#/keys');
      await one.page.getByLabel('Speaks for uids alone').fill('7, x');
      await one.page.getByRole('button', { name: 'Make the key' }).click();
      await one.page.getByRole('alert').getByText('x is no uid').waitFor();
      assert.deepEqual(sentBy(one), []);
    });
  });
}

export function tasksTests(stand: Stand): void {
  describe('with tasks', () => {
    it('shows one with its history and its answers, by its id in the address', async () => {
      const one = await stand.enter('read', `#/tasks?id=${encodeURIComponent('task:2@x')}`);
      await one.page.getByRole('heading', { name: 'Task task:2@x' }).waitFor();
      const history = await one.page.getByRole('list').filter({ hasText: 'Created' }).innerText();
      assert.match(history, /Created.*Answer of miner 7 accepted.*Completed enough answers.*Last written/s);
      assert.match(await one.page.locator('.row').first().innerText(), /Miner 8\s*best/);
    });

    it('says what to do where there is none, or no task can have the id', async () => {
      const one = await stand.enter('read');
      await goTo(one, 'Tasks');
      const look = async (id: string): Promise<void> => {
        await one.page.getByLabel('Task id').fill(id);
        await one.page.keyboard.press('Enter');
      };
      await look('no-such');
      await shows(one, /There is no such task yet\. .* written within a minute/);
      await look('a/../b');
      await shows(one, /task_id: expected 1 to 128 characters/);
      await look('..');
      await shows(one, /No task can have this id/);
      await one.page.goBack();
      await one.page.goBack();
      await shows(one, /There is no such task yet\./);
      await viewsOf(one).waitFor();
    });
  });
}
