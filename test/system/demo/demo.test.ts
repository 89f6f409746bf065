import assert from 'node:assert/strict';
import { type DemoReport, runDemo } from '../../../bench/demo.ts';
import { demoPicture, pictureLines } from '../../../bench/demoPicture.ts';
import { dollars } from '../../../bench/shared/table.ts';
import { type LocalStack, startStack } from '../../../local/stack.ts';

/** Looks that the picture is a sound file, and has the report's figures: as many signs, and the same numbers. */
function checkPicture(report: Parameters<typeof demoPicture>[0]): void {
  const svg = demoPicture(report);
  const open: string[] = [];
  for (const [, close, name = '', rest = ''] of svg.matchAll(/<(\/?)(\w+)((?:\s[\w:]+="[^"<]*")*\s*\/?)>/g)) {
    if (close === '/') assert.equal(open.pop(), name);
    else if (!rest.endsWith('/')) open.push(name);
  }
  assert.deepEqual(open, []);
  // All that is no tag is text, in which < and & are written as such.
  assert.doesNotMatch(svg.replaceAll(/<\/?\w[^<>]*>/g, ''), /<|&(?!amp;|lt;|gt;)/);
  assert.doesNotMatch(svg, /NaN|Infinity|undefined|="-/);
  const signs = (kind: string): number => svg.split(`<rect class="${kind}"`).length - 1;
  const { accepted, carriers, documents, usage, plain, perMillion } = report;
  // Each kind of event stands in the legend, too.
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((kind) => signs(kind) - 1),
    Object.values(accepted),
  );
  assert.deepEqual([signs('e'), signs('f')], [carriers.first, documents]);
  const { sluice, plain: way } = perMillion;
  const values = [...svg.matchAll(/class="value"[^>]*>([^<]+)</g)].map(([, value]) => value);
  const billed = [usage.firestore, plain.firestore];
  assert.deepEqual(values, [
    ...billed.map(({ writes }) => String(writes)),
    ...billed.map(({ reads }) => String(reads)),
    ...[sluice, way].map(({ firestore, tasks }) => dollars(firestore + tasks)),
  ]);
  const lines = pictureLines(report);
  assert.deepEqual(
    lines.slice(3).map((line) => line.split(' ').at(-1)),
    values,
  );
}

describe('npm run demo', function () {
  this.timeout(120_000);
  let stack: LocalStack;

  before(async () => {
    stack = await startStack({ ports: 'free', quiet: true });
  });

  after(() => stack.close());

  it('completes every task with a write each, and bills a fraction of the plain way', async () => {
    const report = await runDemo(stack, { inRealTime: false });
    const { parts, usage } = report;
    const failed = parts.filter(({ fault }) => fault !== undefined);
    assert.deepEqual(failed, []);
    assert.deepEqual(
      parts.map(({ name }) => name),
      ['ingest', 'flush', 'status', 'best response', 'exactly once', 'read', 'billed'],
    );
    assert.ok(usage.firestore.writes >= 20);
    assert.deepEqual(report.accepted, { tasks: 20, assignments: 20, responses: 60, repeated: 2 });
    assert.ok(report.carriers.first > 0 && report.carriers.first < 20, String(report.carriers.first));
    checkPicture(report);
  });

  it('draws any run: nothing put back, hundreds of carriers, nothing written', () => {
    const costs = { firestore: 0, tasks: 0, storage: 0, functions: 0, logs: 0, hosting: 0, other: 0 };
    const usage = { firestore: { writes: 0, reads: 0, deletes: 0 } } as unknown as DemoReport['usage'];
    for (const [first, waited] of [
      [0, 0],
      [400, 3],
    ] as const) {
      checkPicture({
        accepted: { tasks: 1, assignments: 0, responses: 300, repeated: 0 },
        ...{ carriers: { first, waited }, documents: 0, waitedMs: 0, usage, plain: usage },
        perMillion: { sluice: costs, plain: costs } as unknown as DemoReport['perMillion'],
      });
    }
  });
});
