import assert from 'node:assert/strict';
import fc from 'fast-check';
import { code, database, describeLocal, useLocalFirestore } from './harness.ts';
import {
  allOrders,
  type FieldOperator,
  type ModelCursor,
  type ModelDocument,
  type ModelFields,
  type ModelFilter,
  type ModelOrder,
  type ModelQuery,
  type ModelValue,
  modelResults,
} from './querymodel.ts';

const parent = `${database}/documents`;
const nan: ModelValue = { doubleValue: Number.NaN };
const none: ModelValue = { nullValue: 'NULL_VALUE' };

/** Few values, and some that differ only in type or in how they must be compared: so that documents have equals. */
const plain: fc.Arbitrary<ModelValue> = fc.oneof(
  fc.boolean().map((booleanValue) => ({ booleanValue })),
  fc.constantFrom('-1', '0', '1', '2', '9007199254740993', '-9223372036854775808').map((integerValue) => ({
    integerValue,
  })),
  fc
    .constantFrom(-0, 0, 0.5, 1, 2, 9007199254740992, Number.NEGATIVE_INFINITY)
    .map((doubleValue) => ({ doubleValue })),
  fc.constantFrom(
    { timestampValue: { seconds: 1, nanos: 0 } },
    { timestampValue: { seconds: 1, nanos: 1000 } },
    { timestampValue: { seconds: -1, nanos: 0 } },
  ),
  fc.constantFrom('', 'a', 'ab', 'b', '\uffff', '𝄞').map((stringValue) => ({ stringValue })),
  fc.constantFrom([], [0], [255], [0, 1]).map((bytes) => ({ bytesValue: Buffer.from(bytes) })),
  fc
    .constantFrom('c/d1', 'c/d10', 'c/d1/e/f', 'b/z')
    .map((path) => ({ referenceValue: `${parent}/${path}` })),
  fc
    .record({ latitude: fc.constantFrom(0, 1), longitude: fc.constantFrom(0, -1) })
    .map((geoPointValue) => ({ geoPointValue })),
);
const element = fc.oneof(
  { weight: 8, arbitrary: plain },
  { weight: 1, arbitrary: fc.constantFrom(nan, none) },
);
const list = fc.array(element, { maxLength: 3 }).map((values): ModelValue => ({ arrayValue: { values } }));
const map = fc
  .dictionary(fc.constantFrom('x', 'y'), fc.oneof(element, list), { maxKeys: 2 })
  .map((fields): ModelValue => ({ mapValue: { fields: { ...fields } } }));
const stored = fc.oneof({ weight: 5, arbitrary: element }, { weight: 2, arbitrary: list }, map);
const operand = fc.oneof({ weight: 5, arbitrary: plain }, list, map);

const fields: fc.Arbitrary<ModelFields> = fc
  .record({ a: stored, b: stored, m: map }, { requiredKeys: [] })
  .map((all) => ({ ...all }));
const path = fc.constantFrom('a', 'b', 'm.x', 'm');

const scalar = fc
  .record({
    op: fc.constantFrom<FieldOperator>(
      'LESS_THAN',
      'LESS_THAN_OR_EQUAL',
      'GREATER_THAN',
      'GREATER_THAN_OR_EQUAL',
      'EQUAL',
      'NOT_EQUAL',
      'ARRAY_CONTAINS',
    ),
    fieldPath: path,
    value: operand,
  })
  .map(({ op, fieldPath, value }): ModelFilter => ({ fieldFilter: { field: { fieldPath }, op, value } }));
const among = fc
  .record({
    op: fc.constantFrom<FieldOperator>('IN', 'NOT_IN', 'ARRAY_CONTAINS_ANY'),
    fieldPath: path,
    values: fc.array(operand, { minLength: 1, maxLength: 4 }),
  })
  .map(
    ({ op, fieldPath, values }): ModelFilter => ({
      fieldFilter: { field: { fieldPath }, op, value: { arrayValue: { values } } },
    }),
  );
const unary = fc
  .record({
    op: fc.constantFrom<'IS_NULL' | 'IS_NAN' | 'IS_NOT_NULL' | 'IS_NOT_NAN'>(
      'IS_NULL',
      'IS_NAN',
      'IS_NOT_NULL',
      'IS_NOT_NAN',
    ),
    fieldPath: path,
  })
  .map(({ op, fieldPath }): ModelFilter => ({ unaryFilter: { field: { fieldPath }, op } }));
const named = fc
  .record({
    op: fc.constantFrom<FieldOperator>('LESS_THAN', 'GREATER_THAN_OR_EQUAL', 'EQUAL'),
    i: fc.nat(400),
  })
  .map(
    ({ op, i }): ModelFilter => ({
      fieldFilter: { field: { fieldPath: '__name__' }, op, value: { referenceValue: `${parent}/c/d${i}` } },
    }),
  );
const simple = fc.oneof({ weight: 6, arbitrary: scalar }, { weight: 3, arbitrary: among }, unary, named);
const composite = (inner: fc.Arbitrary<ModelFilter>) =>
  fc
    .record({
      op: fc.constantFrom<'AND' | 'OR'>('AND', 'OR'),
      filters: fc.array(inner, { minLength: 1, maxLength: 3 }),
    })
    .map((compositeFilter): ModelFilter => ({ compositeFilter }));
const filter = fc.oneof(simple, composite(simple), composite(fc.oneof(simple, composite(simple))));

const order: fc.Arbitrary<ModelOrder> = fc.record({
  field: fc.record({ fieldPath: fc.oneof({ weight: 6, arbitrary: path }, fc.constant('__name__')) }),
  direction: fc.constantFrom('ASCENDING', 'DESCENDING'),
});
const orderBy = fc.uniqueArray(order, { maxLength: 3, selector: ({ field }) => field.fieldPath });

/** A cursor for these orders: at values of any kind, or at a document's name where the name is ordered by. */
function cursorFor(orders: readonly ModelOrder[]): fc.Arbitrary<ModelCursor | undefined> {
  const values = orders.map(({ field }) =>
    field.fieldPath === '__name__'
      ? fc.nat(400).map((i): ModelValue => ({ referenceValue: `${parent}/c/d${i}` }))
      : stored,
  );
  return fc.option(
    fc.record({
      values: fc
        .tuple(fc.integer({ min: 1, max: orders.length }), fc.tuple(...values))
        .map(([length, all]) => all.slice(0, length)),
      before: fc.boolean(),
    }),
    { nil: undefined, freq: 1 },
  );
}

const query: fc.Arbitrary<ModelQuery> = fc
  .record({ where: fc.option(filter, { nil: undefined, freq: 8 }), orderBy })
  .chain(({ where, orderBy: orders }) => {
    const cursor = cursorFor(allOrders({ ...(where && { where }), orderBy: orders }));
    return fc
      .record({
        startAt: cursor,
        endAt: cursor,
        offset: fc.constantFrom(0, 0, 0, 1, 5),
        limit: fc.option(
          fc.integer({ min: 1, max: 20 }).map((value) => ({ value })),
          { nil: undefined },
        ),
      })
      .map(({ startAt, endAt, offset, limit }) => ({
        ...(where && { where }),
        orderBy: orders,
        ...(startAt && { startAt }),
        ...(endAt && { endAt }),
        offset,
        ...(limit && { limit }),
      }));
  });

describeLocal('Firestore queries of any kind', () => {
  const connection = useLocalFirestore();
  const seed = Number(process.env['FC_SEED'] ?? 5);

  /** The answer as names in order, or `refused` where it is no query that the service takes. */
  async function results(structuredQuery: ModelQuery): Promise<string[] | 'refused'> {
    const names: string[] = [];
    try {
      const stream = connection().raw.runQuery({
        parent,
        structuredQuery: { from: [{ collectionId: 'c' }], ...structuredQuery },
      });
      for await (const { document } of stream) if (document) names.push(document.name);
      return names;
    } catch (error) {
      if ((error as { code?: unknown }).code === code.invalidArgument) return 'refused';
      throw error;
    }
  }

  async function write(documents: readonly ModelDocument[]): Promise<void> {
    const writes = documents.map(({ name, fields: written }) => ({ update: { name, fields: written } }));
    await connection().raw.commit({ database, writes });
  }

  // The first few are gone over by the service, more of them are looked up in indexes.
  for (const [count, runs] of [
    [40, 300],
    [320, 500],
  ] as const) {
    it(`over ${count} documents of any values, agree with a plain model, also after changes`, async () => {
      const name = (i: number) => `${parent}/c/d${i}`;
      const [all = []] = fc.sample(fc.array(fields, { minLength: count, maxLength: count }), {
        numRuns: 1,
        seed,
      });
      const documents = all.map((one, i): ModelDocument => ({ name: name(i), fields: one }));
      await write(documents);
      let refused = 0;
      let found = 0;
      const change = fc.option(fc.record({ at: fc.nat(count - 1), to: fields }), { nil: undefined, freq: 1 });
      await fc.assert(
        fc.asyncProperty(query, change, async (asked, changed) => {
          if (changed !== undefined) {
            documents[changed.at] = { name: name(changed.at), fields: changed.to };
            await write(documents.slice(changed.at, changed.at + 1));
          }
          const answer = await results(asked);
          if (answer === 'refused') {
            refused++;
            return;
          }
          found += answer.length;
          assert.deepEqual(answer, modelResults(documents, asked));
        }),
        { numRuns: runs, seed },
      );
      assert.ok(refused < runs / 4, `${refused} of ${runs} queries are refused`);
      assert.ok(found > runs, `only ${found} documents found`);
    });
  }
});
