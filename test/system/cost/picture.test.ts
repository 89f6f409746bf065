import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCoefficients } from '../../../bench/cost/coefficientsFile.ts';
import { chartOf } from '../../../bench/picture.ts';
import { svgOf } from '../../../bench/shared/svg.ts';

const chart = {
  title: 'Dollars < a month',
  description: 'A & B',
  xTitle: 'tasks',
  yTitle: 'dollars',
  xTicks: [1, 10, 100],
  yTicks: [0.1, 1, 10],
  lines: [
    {
      name: 'a|line',
      color: '#111',
      points: [
        [1, 0.1],
        [100, 10],
      ] as const,
    },
    {
      name: 'an area',
      color: '#222',
      downTo: [0.1, 1],
      points: [
        [1, 1],
        [100, 10],
      ] as const,
    },
  ],
};

describe('a chart', () => {
  const svg = svgOf(chart);

  it('draws a line by the logarithms of both coordinates', () => {
    assert.match(svg, /<path d="M70 380L560 48" fill="none" stroke="#111"/);
  });

  it('draws an area between its line and what it goes down to', () => {
    assert.match(svg, /<path d="M70 214L560 48L560 214L70 380Z" fill="#222" fill-opacity="0.15"\/>/);
  });

  it('keeps what is outside of the ticks at the edge', () => {
    const outside = {
      ...chart,
      lines: [
        {
          name: 'x',
          color: '#333',
          points: [
            [0.01, 0.001],
            [1e9, 1e9],
          ] as const,
        },
      ],
    };
    assert.match(svgOf(outside), /<path d="M70 380L560 48" fill="none" stroke="#333"/);
  });

  it('names its lines, none over another, and tells in words what it shows', () => {
    const places = [...svg.matchAll(/<text y="([\d.]+)" style/g)].map(([, place]) => Number(place));
    assert.equal(places.length, 2);
    assert.ok((places[1] ?? 0) - (places[0] ?? 0) >= 34);
    assert.match(svg, /<title>Dollars &lt; a month<\/title>\n<desc>A &amp; B<\/desc>/);
    assert.match(svg, /<tspan x="570" dy="0">a<\/tspan><tspan x="570" dy="15">line<\/tspan>/);
  });
});

describe('the picture of dollars a month', () => {
  const { lines } = chartOf(readCoefficients());
  const [plain, oneByOne, batches] = lines;

  it('is drawn from the coefficients as they are: npm run bench -- picture', () => {
    const file = join(import.meta.dirname, '../../../docs/dollars.svg');
    assert.equal(readFileSync(file, 'utf8'), svgOf(chartOf(readCoefficients())));
  });

  it('has the plain way as an area, and Sluice one by one and in batches', () => {
    assert.deepEqual(
      lines.map(({ downTo }) => downTo !== undefined),
      [true, false, false],
    );
  });

  it('never shows less for more tasks', () => {
    for (const { points } of lines) {
      const dollars = points.map(([, y]) => y);
      assert.deepEqual(
        dollars,
        dollars.toSorted((a, b) => a - b),
      );
    }
  });

  it('shows batches below one by one, and the plain way in functions above Firestore alone', () => {
    for (const [index, [, y]] of (batches?.points ?? []).entries())
      assert.ok(y <= (oneByOne?.points[index]?.[1] ?? 0) * 1.02);
    for (const [index, [, y]] of (plain?.points ?? []).entries())
      assert.ok(y >= (plain?.downTo?.[index] ?? Infinity));
  });
});
