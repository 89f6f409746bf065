import type { DemoReport } from './demo.ts';
import { escaped } from './shared/svg.ts';
import { dollars } from './shared/table.ts';

type Shown = Pick<
  DemoReport,
  'accepted' | 'carriers' | 'documents' | 'waitedMs' | 'usage' | 'plain' | 'perMillion'
>;

/** One thing of the two ways, and what it was for each. */
interface Compared {
  name: string;
  sluice: number;
  plain: number;
  say: (value: number) => string;
}

/** The kinds of events with their colours, in the order in which they are sent. */
const kinds = [
  ['tasks', 'tasks', 'a'],
  ['assignments', 'assignments', 'b'],
  ['responses', 'responses', 'c'],
  ['repeated', 'sent twice', 'd'],
] as const;

function comparedIn({ usage, plain, perMillion }: Shown): Compared[] {
  const total = ({ firestore, tasks }: DemoReport['perMillion']['plain']): number => firestore + tasks;
  return [
    { name: 'writes', sluice: usage.firestore.writes, plain: plain.firestore.writes, say: String },
    { name: 'reads', sluice: usage.firestore.reads, plain: plain.firestore.reads, say: String },
    {
      name: 'a million responses',
      sluice: total(perMillion.sluice),
      plain: total(perMillion.plain),
      say: dollars,
    },
  ];
}

const width = 880;
const height = 412;
const cell = 13;
const columns = 12;

/** A run of the demo as an SVG file, in the colours that its reader prefers: what came in, its way, what it cost. */
export function demoPicture(report: Shown): string {
  const { accepted, carriers, documents, waitedMs } = report;
  const events = kinds.flatMap(([kind, , color]) => Array.from({ length: accepted[kind] }, () => color));
  const title = `${events.length} events came in, ${report.usage.firestore.writes} writes went out`;
  const seconds = (waitedMs / 1000).toFixed(1);
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(inWords(report))}</desc>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    text('title', 32, 42, title),
    text('note', 32, 64, `npm run demo: every task has its document ${seconds} s after the last response`),
    heading(32, 'came in', `${events.length} events`),
    ...cells(32, 136, columns, events),
    ...kinds.map(([kind, name, color], index) =>
      legend(32, 284 + 20 * index, color, `${accepted[kind]} ${name}`),
    ),
    arrow(214, 180),
    heading(268, 'queued', `${carriers.first} carriers`),
    ...boxes(268, 136, carriers.first),
    ...queueNotes(carriers).map((note, index) => text('note', 268, 292 + 18 * index, note)),
    arrow(456, 180),
    heading(512, 'written', `${documents} documents`),
    ...cells(
      512,
      136,
      6,
      Array.from({ length: documents }, () => 'f'),
    ),
    heading(668, 'cost, beside the plain way', ''),
    ...comparedIn(report).flatMap((one, index) => bars(668, 126 + 70 * index, one)),
    text(
      'note',
      32,
      388,
      'The plain way, in grey: a write for each event, and two reads before each response.',
    ),
    text('note', 668, 340, 'Firestore and Cloud Tasks,'),
    text('note', 668, 358, 'at list prices'),
    '</svg>',
  ].join('\n')}\n`;
}

const style =
  ':root{color-scheme:light dark}text{font:13px system-ui,sans-serif;fill:#14211e}.ground{fill:#fff}' +
  '.title{font-size:20px;font-weight:650}.head{font-size:15px;font-weight:600}.note{fill:#52625c;font-size:12px}' +
  '.value{font-weight:600}.arrow{fill:none;stroke:#9fb1ab;stroke-width:2}.a{fill:#5868b8}.b{fill:#b0603a}' +
  '.c,.sluice{fill:#0b7f77}.d{fill:#a2446d}.e{fill:#52625c}.f{fill:#0b6660}.plain{fill:#b9c3be}' +
  '@media(prefers-color-scheme:dark){text{fill:#e8efec}.ground{fill:#0d1413}.note{fill:#9fb1ab}' +
  '.a{fill:#9aa8f0}.b{fill:#e39a72}.c,.sluice{fill:#63cabf}.d{fill:#e58bb1}.e{fill:#9fb1ab}.f{fill:#63cabf}' +
  '.plain{fill:#4a5a55}}';

function text(kind: string, x: number, y: number, said: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escaped(said)}</text>`;
}

function heading(x: number, above: string, below: string): string {
  return text('note', x, 100, above) + (below === '' ? '' : text('head', x, 122, below));
}

function cells(x: number, y: number, inRow: number, colors: readonly string[]): string[] {
  return colors.map((color, index) => {
    const [row, column] = [Math.floor(index / inRow), index % inRow];
    return `<rect class="${color}" x="${x + column * cell}" y="${y + row * cell}" width="10" height="10" rx="2"/>`;
  });
}

/** Carriers as boxes, four in a row, smaller where they are many. */
function boxes(x: number, y: number, count: number): string[] {
  const inRow = Math.max(4, Math.ceil(Math.sqrt(count)));
  const step = 160 / inRow;
  return Array.from({ length: count }, (_, index) => {
    const [row, column] = [Math.floor(index / inRow), index % inRow];
    const [left, top] = [x + column * step, y + row * step * 0.75].map((place) => Math.round(place));
    const [wide, high] = [Math.round(step - 4), Math.round(step * 0.75 - 4)];
    return `<rect class="e" x="${left}" y="${top}" width="${wide}" height="${high}" rx="4"/>`;
  });
}

function queueNotes({ waited }: Shown['carriers']): string[] {
  const notes = ['tasks of Cloud Tasks,', 'each with events of many requests'];
  return waited === 0 ? notes : [...notes, `${waited} more: put back once, to wait`];
}

function legend(x: number, y: number, color: string, said: string): string {
  return `<rect class="${color}" x="${x}" y="${y - 9}" width="10" height="10" rx="2"/>${text('note', x + 16, y, said)}`;
}

function arrow(x: number, y: number): string {
  return `<path class="arrow" d="M${x} ${y}h28m-7 -6l7 6l-7 6"/>`;
}

const longest = 150;

function bars(x: number, y: number, { name, sluice, plain, say }: Compared): string[] {
  const most = Math.max(sluice, plain, Number.MIN_VALUE);
  const bar = (kind: string, top: number, value: number): string =>
    `<rect class="${kind}" x="${x}" y="${top}" width="${Math.max(1, Math.round((longest * value) / most))}" height="14" rx="3"/>` +
    text('value', x + Math.round((longest * value) / most) + 8, top + 12, say(value));
  return [text('note', x, y, name), bar('sluice', y + 8, sluice), bar('plain', y + 26, plain)];
}

/** The same for those who do not see it. */
function inWords(report: Shown): string {
  const compared = comparedIn(report).map(
    ({ name, sluice, plain, say }) => `${name}: ${say(sluice)}, the plain way ${say(plain)}`,
  );
  const { carriers, documents } = report;
  return [`${carriers.first} carriers, ${documents} documents`, ...compared].join('; ');
}

/** The same in lines of a terminal. */
export function pictureLines(report: Shown): string[] {
  const { accepted, carriers, documents } = report;
  const total = kinds.reduce((sum, [kind]) => sum + accepted[kind], 0);
  const counts: [string, number][] = [
    ['events in', total],
    ['carriers', carriers.first],
    ['documents', documents],
  ];
  const all = comparedIn(report);
  return [
    ...counts.map(([name, count]) => `${name.padEnd(20)} ${blocks(count, total)} ${count}`),
    ...all.flatMap(({ name, sluice, plain, say }) => {
      const most = Math.max(sluice, plain);
      return [
        `${name.padEnd(20)} ${blocks(sluice, most)} ${say(sluice)}`,
        `${'  the plain way'.padEnd(20)} ${blocks(plain, most, '░')} ${say(plain)}`,
      ];
    }),
  ];
}

function blocks(value: number, most: number, block = '█'): string {
  return block.repeat(value === 0 ? 0 : Math.max(1, Math.round((40 * value) / most)));
}
