import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { compact, number } from '../ui/format.ts';
import { type Figure, type Hour, sumOf } from './hours.ts';

interface HoursChartProps {
  title: string;
  hours: readonly Hour[];
  /** The first is drawn as bars, the others as steps. */
  figures: readonly Figure[];
  titles: Readonly<Record<Figure, string>>;
}

const height = 190;
const hourSeconds = 3600;
const colours: Record<Figure, string> = {
  responses: '--series-1',
  tasks: '--series-2',
  writes: '--series-1',
  reads: '--series-3',
  deletes: '--series-4',
};

/** Figures by the hour. Its legend has the sums, or the hour's figures under the pointer; a table says the same. */
export function HoursChart({ title, hours, figures, titles }: HoursChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const [at, setAt] = useState<number | null>(null);

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(optionsOf(figures, element.clientWidth, setAt), dataOf(hours, figures), element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    // Colours are read when the chart is drawn.
    const themed = new MutationObserver(() => made.redraw());
    themed.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    return () => {
      themed.disconnect();
      resized.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(hours, figures)), [hours]);

  const hour = at === null ? undefined : hours[Math.min(at, hours.length - 1)];
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {figures.map((figure) => (
            <li key={figure}>
              <span class={`key ${figure}`} aria-hidden="true" />
              {titles[figure]} <b>{number(hour === undefined ? sumOf(hours, figure) : hour[figure])}</b>
            </li>
          ))}
          <li class="note">{hour === undefined ? 'in all' : `from ${clock(hour.startMs)} on`}</li>
        </ul>
      </figcaption>
      <div ref={place} aria-hidden="true" />
    </figure>
  );
}

/** The hours' figures, and behind them the end of the last: without it the step of that hour had no length. */
function dataOf(hours: readonly Hour[], figures: readonly Figure[]): uPlot.AlignedData {
  const starts = hours.map(({ startMs }) => startMs / 1000);
  return [
    [...starts, (starts.at(-1) ?? 0) + hourSeconds],
    ...figures.map((figure, index) => {
      const values = hours.map((hour) => hour[figure]);
      return [...values, index === 0 ? null : (values.at(-1) ?? null)];
    }),
  ];
}

function optionsOf(
  figures: readonly Figure[],
  width: number,
  onHour: (index: number | null) => void,
): uPlot.Options {
  const { bars, stepped } = uPlot.paths;
  return {
    width,
    height,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false }, sync: { key: 'hours' } },
    hooks: { setCursor: [({ cursor }) => onHour(cursor.idx ?? null)] },
    scales: {
      y: { range: { min: { pad: 0, hard: 0, mode: 1, soft: 0 }, max: { pad: 0.1, soft: 4, mode: 2 } } },
    },
    axes: [
      {
        stroke: () => colour('--muted'),
        grid: { show: false },
        ticks: { show: false },
        font: axisFont(),
        size: 24,
        space: 56,
        incrs: [1, 2, 3, 6, 12].map((each) => each * hourSeconds),
        values: (_, seconds) => seconds.map((each) => clock(each * 1000)),
      },
      {
        stroke: () => colour('--muted'),
        grid: { stroke: () => colour('--line'), width: 1 },
        ticks: { show: false },
        font: axisFont(),
        size: (_, labels) => 16 + 7 * Math.max(3, ...(labels ?? []).map((label) => label.length)),
        space: 32,
        incrs: wholeSteps,
        values: (_, figuresOfAxis) => figuresOfAxis.map((each) => compact(each)),
      },
    ],
    series: [
      {},
      ...figures.map((figure, index): uPlot.Series => {
        const paths =
          index === 0 ? bars?.({ align: 1, size: [0.7, 40], radius: 0.15 }) : stepped?.({ align: 1 });
        return {
          ...(paths && { paths }),
          stroke: () => colour(colours[figure]),
          ...(index === 0 ? { fill: () => colour(colours[figure]), width: 0 } : { width: 2 }),
          points: { show: false },
        };
      }),
    ],
  };
}

/** Steps of an axis of counts: 1, 2, 5, 10 and so on. */
const wholeSteps = Array.from({ length: 15 }, (_, power) =>
  [1, 2, 5].map((step) => step * 10 ** power),
).flat();

function colour(token: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(token);
}

function axisFont(): string {
  return `12px ${getComputedStyle(document.body).fontFamily}`;
}

function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString(undefined, { hour: 'numeric', minute: '2-digit' });
}
