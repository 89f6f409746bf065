import assert from 'node:assert/strict';
import type { protos } from '@google-cloud/firestore-api';
import { code, codeOf, database, describeLocal, seededRandom, useLocalFirestore } from './harness.ts';

type Time = protos.google.protobuf.ITimestamp;
type State = ReadonlyMap<string, number>;

/** An observation of the documents, and its time. */
interface Step {
  readonly atMicros: bigint;
  /** `n` of documents got, undefined for those that were not there. */
  readonly got: ReadonlyMap<string, number | undefined>;
  /** The names of those with `n` of at least `from`. */
  readonly found: { readonly from: number; readonly names: readonly string[] } | undefined;
  /** The value written then; undefined: deleted. */
  readonly wrote: ReadonlyMap<string, number | undefined>;
}

const root = `${database}/documents/c`;
const names = Array.from({ length: 5 }, (_, i) => `${root}/d${i}`);

function microsOf(time: Time | null | undefined): bigint {
  return BigInt(String(time?.seconds ?? 0)) * 1_000_000n + BigInt(time?.nanos ?? 0) / 1000n;
}

function check({ got, found }: Step, state: State): void {
  for (const [name, n] of got) assert.equal(n, state.get(name), name);
  if (found === undefined) return;
  const expected = [...state].filter(([, n]) => n >= found.from).map(([name]) => name);
  assert.deepEqual([...found.names].sort(), expected.sort());
}

describeLocal('Firestore transactions are as if one came after the other', () => {
  const connection = useLocalFirestore();
  const random = seededRandom(21);
  const below = (limit: number) => Math.floor(random() * limit);
  const some = (count: number) =>
    new Set(Array.from({ length: count }, () => names[below(names.length)] ?? ''));

  async function get(documents: Iterable<string>, view: object) {
    const got = new Map<string, number | undefined>();
    let readTime: Time | null | undefined;
    const stream = connection().raw.batchGetDocuments({ database, documents: [...documents], ...view });
    for await (const answer of stream) {
      readTime = answer.readTime ?? readTime;
      if (answer.missing) got.set(answer.missing, undefined);
      if (answer.found) got.set(answer.found.name, Number(answer.found.fields.n?.integerValue));
    }
    return { got, readTime };
  }

  async function find(from: number, view: object) {
    const matching: string[] = [];
    const stream = connection().raw.runQuery({
      parent: `${database}/documents`,
      structuredQuery: {
        from: [{ collectionId: 'c' }],
        where: {
          fieldFilter: {
            field: { fieldPath: 'n' },
            op: 'GREATER_THAN_OR_EQUAL',
            value: { integerValue: from },
          },
        },
      },
      ...view,
    });
    for await (const { document } of stream) if (document) matching.push(document.name);
    return { from, names: matching };
  }

  async function commit(wrote: ReadonlyMap<string, number | undefined>, view: object): Promise<bigint> {
    const writes = [...wrote].map(([name, n]) =>
      n === undefined ? { delete: name } : { update: { name, fields: { n: { integerValue: n } } } },
    );
    const [{ commitTime }] = await connection().raw.commit({ database, writes, ...view });
    return microsOf(commitTime);
  }

  const someWrites = () =>
    new Map([...some(1 + below(2))].map((name) => [name, below(4) === 0 ? undefined : below(10)] as const));

  async function readAndWrite(): Promise<Step> {
    const { raw } = connection();
    const [{ transaction }] = await raw.beginTransaction({ database });
    const view = { transaction: transaction ?? '' };
    const { got } = await get(some(1 + below(2)), view);
    const found = below(2) === 0 ? await find(below(10), view) : undefined;
    const wrote = someWrites();
    return { atMicros: await commit(wrote, view), got, found, wrote };
  }

  async function writeOnly(): Promise<Step> {
    const wrote = someWrites();
    return { atMicros: await commit(wrote, {}), got: new Map(), found: undefined, wrote };
  }

  async function readOnly(): Promise<Step> {
    const { raw } = connection();
    const [{ transaction }] = await raw.beginTransaction({ database, options: { readOnly: {} } });
    const view = { transaction: transaction ?? '' };
    const { got, readTime } = await get(some(3), view);
    const found = await find(below(10), view);
    return { atMicros: microsOf(readTime), got, found, wrote: new Map() };
  }

  it('each sees exactly what those before it left', async () => {
    const steps: Step[] = [];
    let aborted = 0;
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const kind = below(6);
        const step = kind === 0 ? writeOnly() : kind === 1 ? readOnly() : readAndWrite();
        const outcome = await codeOf(step);
        if (outcome === undefined) steps.push(await step);
        else {
          assert.equal(outcome, code.aborted);
          aborted++;
        }
      }
    };
    await Promise.all(Array.from({ length: 12 }, worker));

    assert.ok(steps.length > 100 && aborted > 0, `${steps.length} steps, ${aborted} aborted`);
    const state = new Map<string, number>();
    const isWrite = ({ wrote }: Step) => Number(wrote.size > 0);
    // What is read at the moment of a commit includes it.
    const inOrder = steps.toSorted((a, b) => Number(a.atMicros - b.atMicros) || isWrite(b) - isWrite(a));
    for (const step of inOrder) {
      check(step, state);
      for (const [name, n] of step.wrote) {
        if (n === undefined) state.delete(name);
        else state.set(name, n);
      }
    }
  });
});
