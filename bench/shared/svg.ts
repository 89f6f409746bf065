/** A line of a chart, from left to right; both coordinates are above 0. */
interface Line {
  name: string;
  color: string;
  /** Drawn as an area down to these values at the same places. */
  downTo?: readonly number[];
  points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  title: string;
  /** For those who do not see it. */
  description: string;
  xTitle: string;
  yTitle: string;
  xTicks: readonly number[];
  yTicks: readonly number[];
  lines: readonly Line[];
  formatX?: (x: number) => string;
  formatY?: (y: number) => string;
}

const size = { width: 760, height: 440 };
/** Names of the lines stand at their right ends. */
const plot = { left: 70, top: 48, right: 560, bottom: 380 };
const leastGap = 34;

/** The chart as an SVG file, both axes logarithmic from the first tick to the last. */
export function svgOf(chart: Chart): string {
  const x = logScale(chart.xTicks, plot.left, plot.right);
  const y = logScale(chart.yTicks, plot.bottom, plot.top);
  const { formatX = String, formatY = String } = chart;
  const vertical = chart.xTicks.map(
    (tick) =>
      `<path class="grid" d="M${at(x(tick))} ${plot.top}V${plot.bottom}"/>` +
      `<text class="tick" x="${at(x(tick))}" y="${plot.bottom + 18}" text-anchor="middle">${formatX(tick)}</text>`,
  );
  const horizontal = chart.yTicks.map(
    (tick) =>
      `<path class="grid" d="M${plot.left} ${at(y(tick))}H${plot.right}"/>` +
      `<text class="tick" x="${plot.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${formatY(tick)}</text>`,
  );
  const middle = { x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2 };
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img">`,
    `<title>${escaped(chart.title)}</title>`,
    `<desc>${escaped(chart.description)}</desc>`,
    '<style>text{font:13px system-ui,sans-serif;fill:#24292f}.tick{font-size:11px;fill:#57606a}' +
      '.title{font-size:15px;font-weight:600}.grid{stroke:#d8dee4;fill:none}</style>',
    `<rect width="${size.width}" height="${size.height}" fill="#fff"/>`,
    `<text class="title" x="${plot.left}" y="28">${escaped(chart.title)}</text>`,
    ...vertical,
    ...horizontal,
    `<text class="tick" x="${middle.x}" y="${plot.bottom + 42}" text-anchor="middle">${escaped(chart.xTitle)}</text>`,
    `<text class="tick" transform="translate(18 ${middle.y}) rotate(-90)" text-anchor="middle">` +
      `${escaped(chart.yTitle)}</text>`,
    ...chart.lines.map((line) => drawn(line, x, y)),
    ...labels(chart.lines, y),
    '</svg>',
  ].join('\n')}\n`;
}

type Scale = (value: number) => number;

function logScale(ticks: readonly number[], from: number, to: number): Scale {
  const [first = 1, last = 1] = [ticks[0], ticks.at(-1)];
  const share = (value: number): number => Math.log(value / first) / Math.log(last / first);
  // What lies outside of the ticks stays at the edge.
  return (value) => from + Math.min(1, Math.max(0, share(value))) * (to - from);
}

function drawn({ color, points, downTo }: Line, x: Scale, y: Scale): string {
  const place = ([px, py]: readonly [number, number]): string => `${at(x(px))} ${at(y(py))}`;
  const path = points.map(place).join('L');
  if (downTo === undefined) return `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2.5"/>`;
  const back = points.map(([px], index) => place([px, downTo[index] ?? 1])).toReversed();
  return (
    `<path d="M${path}L${back.join('L')}Z" fill="${color}" fill-opacity="0.15"/>` +
    `<path d="M${path}M${back.join('L')}" fill="none" stroke="${color}" stroke-width="2"/>`
  );
}

/** The lines' names in the order of their ends, none over another; a line break is written as `|`. */
function labels(lines: readonly Line[], y: Scale): string[] {
  const places = lines
    .map(({ name, color, points, downTo }) => {
      const top = y(points.at(-1)?.[1] ?? 1);
      const bottom = downTo === undefined ? top : y(downTo.at(-1) ?? 1);
      return { name, color, place: (top + bottom) / 2 };
    })
    .toSorted((a, b) => a.place - b.place);
  let least = plot.top;
  return places.map(({ name, color, place }) => {
    const top = Math.max(least, place);
    least = top + leastGap;
    const parts = name
      .split('|')
      .map(
        (part, index) =>
          `<tspan x="${plot.right + 10}" dy="${index === 0 ? 0 : 15}">${escaped(part)}</tspan>`,
      );
    return `<text y="${at(top)}" style="fill:${color};font-weight:600">${parts.join('')}</text>`;
  });
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A text within XML. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
