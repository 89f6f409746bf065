import assert from 'node:assert/strict';
import { readCoefficients } from '../../../bench/cost/coefficientsFile.ts';
import { dollarsOf, shownDollars } from '../../../dashboard/src/cost/dollars.ts';
import { billedTypes, type Status } from '../../../dashboard/src/feed/status.ts';
import { bytes, compact, number } from '../../../dashboard/src/ui/format.ts';
import { answered, eventually, goTo, type Opened, setHidden, shows, signIn, viewsOf } from './browser.ts';
import type { Stand } from './stand.ts';

/** The page reads the server's clock to the second. */
const clockErrorMs = 1_500;

/** The figure of a tile. */
async function tile({ page }: Opened, name: string): Promise<string> {
  const place = page.locator('.tile').filter({ has: page.getByText(name, { exact: true }) });
  return (await place.locator('.figure').innerText()).trim();
}

/** The text of a row whose first cell begins so. */
async function row({ page }: Opened, name: string): Promise<string> {
  const first = page.getByRole('row', { name: new RegExp(`^${name}`, 'i') }).first();
  return (await first.innerText()).replace(/\s+/g, ' ');
}

/** Signs in; answers what the page was answered. */
async function statusSeenBy(one: Opened): Promise<Status> {
  const waited = one.page.waitForResponse((answer) => answer.url().endsWith('/v1/status'));
  await signIn(one, 'local-read-key');
  const status = (await (await waited).json()) as Status;
  await viewsOf(one).waitFor();
  return status;
}

export function figuresTests(stand: Stand): void {
  describe('with figures', () => {
    it('shows those of /v1/status', async () => {
      const one = await stand.openPage();
      const status = await statusSeenBy(one);
      const { history, current_usage: usage, rate_limits: limits } = status.quota_monitor ?? {};
      assert.ok(history && usage && limits);
      const sum = (count: 'responses' | 'tasks'): number =>
        history.hours.reduce((all, { counts }) => all + counts[count], 0);
      assert.deepEqual([sum('responses'), sum('tasks')], [6, 2]);
      assert.equal(await tile(one, 'Answers written'), compact(6));
      assert.equal(await tile(one, 'Tasks created'), compact(2));
      assert.equal(await tile(one, 'Carriers that wait'), compact(status.backlog?.queued_carriers));
      const rows = { per_second: 'a second', per_minute: 'a minute' } as const;
      for (const [span, name] of Object.entries(rows) as [keyof typeof rows, string][]) {
        const cells: string[] = billedTypes.map(
          (type) => `${compact(usage[type][span])} of ${compact(limits[`${type}_${span}`])}`,
        );
        assert.equal((await row(one, name)).trim(), [name, ...cells].join(' '));
      }
      const today = billedTypes.map((type) => `${compact(usage[type].per_day)} no limit`);
      assert.equal((await row(one, 'today')).trim(), ['today', ...today].join(' '));
      await shows(one, /At least 1,000 dead letters need you/);
      assert.equal(status.dead_letters?.count, 1000);
    });

    it('estimates dollars by cause', async () => {
      const one = await stand.openPage();
      const beforeMs = Date.now() - clockErrorMs;
      const { quota_monitor: quota } = await statusSeenBy(one);
      const history = quota?.history ?? assert.fail();
      const today = await tile(one, 'Dollars today, estimated');
      await goTo(one, 'Cost');
      const rows = await one.page.getByRole('row').allInnerTexts();
      // What stands all month grows while the test runs: each figure is the one before or the one after.
      const [first, last] = [beforeMs, Date.now() + clockErrorMs].map((atMs) =>
        dollarsOf(history, atMs, readCoefficients()),
      );
      assert.ok(first && last);
      assert.ok([first, last].map((each) => shownDollars(each.today.total)).includes(today), today);
      const isShown = (name: string, ...dollars: number[]): boolean =>
        rows.some(
          (text) => text.startsWith(name) && dollars.some((each) => text.endsWith(shownDollars(each))),
        );
      const causes = first.month.byCause.filter(({ dollars }) => dollars > 0);
      assert.ok(causes.length >= 6);
      for (const { name, dollars } of causes) {
        const later = last.month.byCause.find((each) => each.name === name)?.dollars ?? 0;
        assert.ok(isShown(name, dollars, later), name);
      }
      assert.ok(isShown('The plain way, in functions', first.month.plain.functions));
    });

    it('counts files by folder', async () => {
      const one = await stand.openPage();
      const { file_manager: files } = await statusSeenBy(one);
      await goTo(one, 'Files');
      const folders = Object.entries(files?.local_storage ?? {});
      assert.ok(folders.length > 0);
      for (const [name, totals] of folders)
        assert.equal((await row(one, name)).trim(), `${name} ${number(totals.files)} ${bytes(totals.bytes)}`);
    });

    it('asks four times a minute while it is seen, and never while it is not', async () => {
      const one = await stand.openPage();
      await one.page.clock.install();
      await signIn(one, 'local-read-key');
      await viewsOf(one).waitFor();
      const askedInAMinute = async (): Promise<string[]> => {
        one.requests.splice(0);
        for (let second = 0; second < 60; second += 5) {
          await one.page.clock.runFor(5000);
          await answered(one);
        }
        return one.requests.splice(0);
      };
      const seen = await askedInAMinute();
      assert.ok(
        seen.every((request) => /^GET \/v1\/status(\?detail=true)?$/.test(request)),
        String(seen),
      );
      assert.ok(seen.length >= 3 && seen.length <= 5, String(seen.length));
      await setHidden(one, true);
      assert.deepEqual(await askedInAMinute(), []);
      await setHidden(one, false);
      await eventually(() => assert.equal(one.requests.length, 1));
    });
  });
}
