import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type LocalStack, startStack } from '../../../local/stack.ts';
import { build } from '../../support/build.ts';
import { type Browser, eventually, openBrowser, type Page, prefer } from './browser.ts';

// Off the cloud, the client would look for a metadata server.
process.env['METADATA_SERVER_DETECTION'] ??= 'none';

describe('/docs, in a browser', function () {
  this.timeout(120_000);
  let stack: LocalStack;
  let browser: Browser;
  let page: Page;
  let problems: string[];

  before(async () => {
    build();
    stack = await startStack({ ports: 'free', quiet: true });
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
    await stack?.close();
  });
  beforeEach(async () => {
    problems = [];
    const context = await browser.newContext({
      viewport: { width: 360, height: 800 },
      reducedMotion: 'reduce',
    });
    page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load'))
        problems.push(message.text());
    });
  });
  afterEach(() => page.context().close());

  const open = async (hash = ''): Promise<void> => {
    await page.goto(`${stack.urls.hosting}/docs${hash}`);
    await page.locator('.route').first().waitFor();
  };

  it('shows every route of the contract, each whole and no wider than a small screen, under the strict policy', async () => {
    await open();
    const contract = (await (await fetch(`${stack.urls.hosting}/openapi.json`)).json()) as { paths: object };
    const wanted = Object.entries(contract.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const shown = await page.locator('.route > summary').evaluateAll((all) =>
      all.map((one) =>
        [...one.children]
          .slice(0, 2)
          .map((part) => part.textContent)
          .join(' '),
      ),
    );
    assert.deepEqual(shown.sort(), wanted.sort());
    for (const summary of await page.locator('.route > summary').all()) await summary.click();
    await eventually(async () => assert.equal(await page.locator('.route-body').count(), wanted.length));
    assert.equal(await page.getByText('(not described)').count(), 0);
    // As text, since tests know no types of a browser.
    assert.ok((await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')) <= 0);
    assert.deepEqual(problems, []);
  });

  it('has nothing that axe-core finds wrong, in both themes', async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    for (const colorScheme of ['light', 'dark'] as const) {
      await open('#post-v1-responses');
      await prefer(page, colorScheme);
      await page.evaluate(axe);
      const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
        'axe.run()',
      );
      assert.deepEqual(
        found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`),
        [],
      );
    }
  });

  it('opens the route that the address names, and follows it', async () => {
    await open('#get-v1-status');
    await page.locator('#get-v1-status .route-body').waitFor();
    assert.ok(await page.locator('#get-v1-status summary').isVisible());
    assert.equal(await page.locator('.route-body').count(), 1);
    await page.evaluate("location.hash = '#delete-v1-keys-key_id'");
    await page.locator('#delete-v1-keys-key_id .route-body').waitFor();
    assert.match(
      String(await page.locator('#delete-v1-keys-key_id pre').last().textContent()),
      /curl -X DELETE http/,
    );
  });

  it('is searched and opened by the keyboard', async () => {
    await open();
    await page.getByLabel('Search').focus();
    await page.keyboard.type('dead-letters replay');
    await page.getByText('1 route', { exact: true }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.locator('.route-body').waitFor();
    await page.getByLabel('Search').fill('no such thing');
    await page.getByText('No route has all of these words.').waitFor();
  });

  it('says what is wrong where the contract does not come, and tries again', async () => {
    await page.route('**/openapi.json', (route) => route.fulfill({ status: 503, body: '<p>busy</p>' }), {
      times: 1,
    });
    await page.goto(`${stack.urls.hosting}/docs/`);
    await page.getByRole('alert').getByText('/openapi.json was answered 503').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('.route').first().waitFor();
    for (const [body, said] of [
      ['<p>hello</p>', 'is no JSON'],
      ['{"openapi":"3.1.1"}', 'no OpenAPI 3 document'],
    ] as const) {
      await page.route('**/openapi.json', (route) => route.fulfill({ status: 200, body }), { times: 1 });
      await page.goto(`${stack.urls.hosting}/docs/`);
      await page.getByRole('alert').getByText(said).waitFor();
    }
    await page.route('**/openapi.json', (route) => route.abort(), { times: 1 });
    await page.goto(`${stack.urls.hosting}/docs/`);
    await page.getByRole('alert').getByText('was not answered').waitFor();
    assert.deepEqual(problems, []);
  });
});
