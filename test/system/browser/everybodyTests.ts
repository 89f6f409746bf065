import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { answered, goTo, type Opened, prefer, signIn, viewsOf } from './browser.ts';
import type { Stand } from './stand.ts';

const views = ['Overview', 'Tasks', 'Queue', 'Dead letters', 'Files', 'Cost', 'Keys'];
const schemes = ['light', 'dark'] as const;
const aTask = `#/tasks?id=${encodeURIComponent('task:2@x')}`;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Faults that axe-core finds by the rules of WCAG's levels A and AA. */
async function faultsOf({ page }: Opened): Promise<unknown> {
  return page.evaluate(`
    axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html }) => html)]))
  `);
}

/** Goes to a task, and to each view by its link. */
async function visit(one: Opened, look: (name: string) => Promise<void>): Promise<void> {
  await answered(one);
  await look('a task');
  for (const view of views) {
    await goTo(one, view);
    await look(view);
  }
}

export function everybodyTests(stand: Stand): void {
  describe('for everybody', () => {
    it('has no fault that axe can see, in any view and theme', async () => {
      const one = await stand.openPage(aTask);
      await one.page.evaluate(axe);
      const check = async (name: string): Promise<void> => {
        for (const colorScheme of schemes) {
          await prefer(one.page, colorScheme);
          assert.deepEqual(await faultsOf(one), [], `${name}, ${colorScheme}`);
        }
      };
      await check('sign-in');
      await signIn(one, 'local-admin-key');
      await viewsOf(one).waitFor();
      await visit(one, check);
    });

    it('fits 360 pixels, without scrolling aside', async () => {
      const one = await stand.enter('admin', aTask, 360);
      await visit(one, async (name) => {
        const width = Number(await one.page.evaluate('document.documentElement.scrollWidth'));
        assert.ok(width <= 360, `${name}: ${width}`);
        const skip = await one.page.getByRole('link', { name: 'Skip to the content' }).boundingBox();
        assert.ok(skip !== null && skip.y + skip.height <= 0, 'until the keyboard comes to it');
      });
    });

    it('takes 150 KB at most with all its views, compressed as Hosting does', async () => {
      const one = await stand.openPage();
      const fresh = { ...one, page: await one.context.newPage() };
      const sizes: Promise<number>[] = [];
      fresh.page.on('response', (answer) => sizes.push(answer.body().then((body) => gzipSync(body).length)));
      await fresh.page.goto(stand.address(''));
      await signIn(fresh, 'local-admin-key');
      for (const view of views) await goTo(fresh, view);
      const sum = (await Promise.all(sizes)).reduce((all, size) => all + size, 0);
      assert.ok(sum > 10_000 && sum <= 150_000, `${sum} bytes`);
    });

    const picturesDir = process.env['SLUICE_TEST_PICTURES'];
    if (picturesDir !== undefined) {
      it(`is pictured in ${picturesDir}`, async () => {
        mkdirSync(picturesDir, { recursive: true });
        for (const width of [360, 768, 1280]) {
          const one = await stand.enter('admin', aTask, width);
          await visit(one, async (name) => {
            for (const colorScheme of schemes) {
              await prefer(one.page, colorScheme);
              const path = join(picturesDir, `${name.replaceAll(' ', '-')}-${width}-${colorScheme}.png`);
              await one.page.screenshot({ path, fullPage: true });
            }
          });
        }
      });
    }
  });
}
