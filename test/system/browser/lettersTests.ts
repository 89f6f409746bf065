import assert from 'node:assert/strict';
import { openDatabase } from '../../../bench/shared/database.ts';
import { lettersPerPage } from '../../../dashboard/src/views/letters.ts';
import { clickTwice, eventually, type Opened, sentBy, shows } from './browser.ts';
import { lettersCount, type Stand } from './stand.ts';

const row = ({ page }: Opened, index: number) => page.locator('.row').nth(index);
const button = (one: Opened, index: number, name: string) =>
  row(one, index).getByRole('button', { name: new RegExp(`^${name} `) });

export function lettersTests(stand: Stand): void {
  describe('with dead letters', () => {
    /** Waits until a row is about the letter of this place in the whole list. */
    const isAbout = (one: Opened, index: number, place: number): Promise<void> =>
      row(one, index)
        .locator('.row-about', { hasText: `an operation on ${stand.letters[place]?.path}` })
        .waitFor();

    it(`shows ${lettersCount} of them by pages`, async () => {
      const one = await stand.enter('admin', '#/dead-letters');
      await isAbout(one, 0, 0);
      assert.equal(await one.page.locator('.row').count(), lettersPerPage);
      await one.page.getByRole('button', { name: 'Next page' }).click();
      await isAbout(one, 0, lettersPerPage);
      await one.page.getByRole('button', { name: 'Next page' }).click();
      await isAbout(one, lettersPerPage - 1, 3 * lettersPerPage - 1);
      await shows(one, /Page 3/);
      await one.page.getByRole('button', { name: 'Previous page' }).click();
      await isAbout(one, 0, lettersPerPage);
      await button(one, 0, 'Look').click();
      await row(one, 0).getByText('"stamp"').waitFor();
    });

    it('replays one, once, whose event is written then', async () => {
      const one = await stand.enter('admin', '#/dead-letters');
      const { id, path } = stand.letters[0] ?? assert.fail();
      await clickTwice(button(one, 0, 'Replay'));
      await row(one, 0).getByText('Replayed').waitFor();
      assert.deepEqual(sentBy(one), [`POST /v1/dead-letters/${id}/replay`]);
      assert.ok(await button(one, 0, 'Replay').isDisabled());
      const database = openDatabase(stand.stack);
      await eventually(async () => {
        await stand.stack.advance(5000);
        assert.ok((await database.doc(path).get()).exists);
      });
      await database.terminate();
    });

    it('drops one after it named what is lost, and nothing before', async () => {
      const one = await stand.enter('admin', '#/dead-letters');
      const { id, path } = stand.letters[1] ?? assert.fail();
      const seen = async (): Promise<number> =>
        (await stand.call('admin', 'GET', `/v1/dead-letters/${id}`)).status;
      await button(one, 0, 'Drop').click();
      const dialog = one.page.getByRole('dialog', { name: 'Drop 1 dead letter?' });
      await dialog.getByText(`an operation on ${path}`).waitFor();
      const box = await dialog.boundingBox();
      assert.ok(box !== null && Math.abs(box.y + box.height / 2 - 450) <= 2, 'in the middle');
      await one.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      assert.equal(await seen(), 200);
      await button(one, 0, 'Drop').click();
      await dialog.getByRole('button', { name: 'Drop for good' }).click();
      await row(one, 0).getByText('Dropped for good.').waitFor();
      assert.equal(await seen(), 404);
    });

    it('tells of each of several how it went', async () => {
      const one = await stand.enter('admin', '#/dead-letters');
      await isAbout(one, 1, 3);
      await stand.call('admin', 'DELETE', `/v1/dead-letters/${stand.letters[3]?.id}`);
      for (const index of [0, 1, 2]) await row(one, index).getByRole('checkbox').check();
      await one.page.getByRole('button', { name: 'Drop selected' }).click();
      await one.page.getByRole('dialog').getByRole('button', { name: 'Drop for good' }).click();
      await row(one, 0).getByText('Dropped for good.').waitFor();
      await row(one, 1).getByText('There is no such dead letter.').waitFor();
      await row(one, 2).getByText('Dropped for good.').waitFor();
    });
  });
}
