import assert from 'node:assert/strict';
import { eventually, goTo, type Opened, shows, signIn, viewsOf } from './browser.ts';
import type { Stand } from './stand.ts';

const hourMs = 3_600_000;
const always = { rate: 1, forMs: hourMs, phase: 'before' } as const;

/** Asks for the figures until the page says this; one failure alone is no news. */
async function askUntil(one: Opened, expected: RegExp): Promise<void> {
  await eventually(async () => {
    await one.page.getByRole('button', { name: 'Ask for new figures' }).click();
    assert.match(await one.page.getByRole('main').innerText(), expected);
  });
}

export function troubleTests(stand: Stand): void {
  describe('with trouble', () => {
    it('says that Sluice does not answer, keeps the figures with their age, and recovers', async () => {
      const one = await stand.enter('read');
      const figure = one.page.locator('.tile .figure').first();
      const before = await figure.innerText();
      stand.stack.addFault({ service: 'functions', method: 'api', code: 503, ...always });
      await askUntil(one, /does not answer since/);
      assert.equal(await figure.innerText(), before);
      stand.stack.clearFaults();
      await askUntil(one, /dead letters need you/);
    });

    it('refuses nobody for it at the sign-in', async () => {
      stand.stack.addFault({ service: 'functions', method: 'api', code: 503, ...always });
      const one = await stand.openPage();
      await signIn(one, 'local-read-key');
      await one.page.getByRole('alert').getByText('The key was not judged.').waitFor();
    });

    it('shows an action’s failure as the server says it, with what to do, and lets it be tried again', async () => {
      const one = await stand.enter('admin', '#/dead-letters');
      const row = one.page.locator('.row').first();
      const replay = row.getByRole('button', { name: /^Replay/ });
      await replay.waitFor();
      stand.stack.addFault({ service: 'storage', code: 503, ...always });
      await replay.click();
      await eventually(async () => {
        await stand.stack.advance(1000);
        assert.match(await row.innerText(), /Cloud Storage .* Try again in \d+ s\./);
      });
      stand.stack.clearFaults();
      await replay.click();
      await row.getByText('Replayed').waitFor();
    });

    it('shows as unknown what cannot be known, never as nothing', async () => {
      stand.stack.addFault({ service: 'firestore', code: 14, ...always });
      stand.stack.addFault({ service: 'tasks', code: 14, ...always });
      const one = await stand.openPage();
      await stand.stack.advance(60_000);
      await signIn(one, 'local-read-key');
      await eventually(async () => {
        await stand.stack.advance(1000);
        assert.ok(await viewsOf(one).isVisible());
      });
      const figures = await one.page.locator('.tile .figure').allInnerTexts();
      assert.deepEqual(new Set(figures), new Set(['unknown']));
      await goTo(one, 'Cost');
      await shows(one, /ledger cannot be read/);
    });

    it('goes on where a view cannot show an answer', async () => {
      const one = await stand.enter('admin', '#/queue');
      await one.page.route('**/v1/dead-letters*', (route) =>
        route.fulfill({ json: { dead_letters: [null] } }),
      );
      await goTo(one, 'Dead letters');
      await shows(one, /cannot be shown/);
      await goTo(one, 'Queue');
      await shows(one, /Write everything now/);
    });

    it('takes half an answer for none', async () => {
      const one = await stand.enter('read');
      await one.page.route('**/v1/status*', (route) =>
        route.fulfill({ status: 200, contentType: 'application/json', body: '{"backlog":{"queued' }),
      );
      await askUntil(one, /not JSON/);
      await one.page.unroute('**/v1/status*');
      await askUntil(one, /dead letters need you/);
    });
  });
}
