import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';

export type { Browser, Page };

/** Debian's Chromium, or the one that `CHROMIUM` names. */
export function openBrowser(): Promise<Browser> {
  const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  // Containers have no user namespaces for its sandbox; all that it opens is on this machine.
  return chromium.launch({ executablePath, args: ['--no-sandbox'] });
}

/** Prefers a theme, as a browser's settings do, and waits until the page shows it. */
export async function prefer(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme });
  await page.locator(`html[data-theme="${colorScheme}"]`).waitFor({ state: 'attached' });
}

/** A page with what went on in it. */
export interface Opened {
  page: Page;
  context: BrowserContext;
  /** `GET /v1/status` and the like, in their order. */
  requests: string[];
  /** Requests without an answer yet. */
  pending: Set<unknown>;
  /** Errors of scripts and the policy, and all else that the console shows as one but an answer's status. */
  problems: string[];
}

/** Opens a tab in a session of its own, as wide as a desktop. */
export async function openTab(browser: Browser, width = 1280): Promise<Opened> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    reducedMotion: 'reduce',
    locale: 'en-US',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const one: Opened = { page, context, requests: [], pending: new Set(), problems: [] };
  page.on('request', (request) => {
    const { pathname, search } = new URL(request.url());
    one.requests.push(`${request.method()} ${pathname}${search}`);
    one.pending.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed'] as const)
    page.on(end as 'requestfinished', (request) => one.pending.delete(request));
  page.on('pageerror', (error) => one.problems.push(error.message));
  page.on('console', (message) => {
    const isStatus = message.text().startsWith('Failed to load resource');
    if (['error', 'warning'].includes(message.type()) && !isStatus) one.problems.push(message.text());
  });
  return one;
}

/** Types a key into the form, which has the focus, as a person with a keyboard does. */
export async function signIn({ page }: Pick<Opened, 'page'>, key: string): Promise<void> {
  await page.getByLabel('API key').waitFor();
  await page.keyboard.insertText(key);
  await page.keyboard.press('Enter');
}

export function viewsOf({ page }: Pick<Opened, 'page'>) {
  return page.getByRole('navigation', { name: 'Views' });
}

/** Goes to a view by its link, and waits until it has what it asks for. */
export async function goTo(one: Opened, view: string): Promise<void> {
  await viewsOf(one).getByRole('link', { name: view, exact: true }).click();
  await one.page.getByRole('heading', { level: 1, name: view }).waitFor({ state: 'attached' });
  await answered(one);
}

/** Hides the tab, or shows it again, as far as its page can tell. */
export async function setHidden({ page }: Pick<Opened, 'page'>, isHidden: boolean): Promise<void> {
  const state = isHidden ? 'hidden' : 'visible';
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${state}' });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
}

const waitMs = 15_000;

/** Tries again until it does not throw any more; after a quarter of a minute it throws as it did last. */
export async function eventually<Value>(attempt: () => Promise<Value> | Value): Promise<Value> {
  const endMs = performance.now() + waitMs;
  while (true) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(25);
    }
  }
}

/** Waits until every request has its answer, and the page worked on it. */
export async function answered({ page, pending }: Opened): Promise<void> {
  await eventually(async () => {
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(() => resolve()))');
    assert.equal(pending.size, 0);
  });
}

/** Waits until the page's main part says this. */
export async function shows({ page }: Pick<Opened, 'page'>, expected: RegExp): Promise<void> {
  await eventually(async () => assert.match(await page.getByRole('main').innerText(), expected));
}

/** Clicks twice before the page can draw anything in between. */
export function clickTwice(button: Locator): Promise<void> {
  return button.evaluate((element) => {
    element.click();
    element.click();
  });
}

/** Requests that change something. */
export function sentBy({ requests }: Pick<Opened, 'requests'>): string[] {
  return requests.filter((request) => !request.startsWith('GET'));
}
