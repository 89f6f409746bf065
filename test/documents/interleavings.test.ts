import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tombstonePath } from '../../functions/src/documents/document.ts';
import type { OperationAccepted } from '../../functions/src/events/event.ts';
import type { Fields } from '../../functions/src/platform/documents.ts';
import { regrouped } from '../support/arbitraries.ts';
import { runCrowd } from '../support/crowd.ts';
import { oneByOne, operations, shown } from '../support/operations.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const paths = ['things/a', 'things/b'];
const allOperations = fc.tuple(...paths.map((path) => operations(path, 8))).map((each) => each.flat());

/** Documents and tombstones, with the stamps in them. */
function stored({ documents }: Pipeline): Record<string, Fields | undefined> {
  return Object.fromEntries(documents.paths().map((path) => [path, documents.fields(path)]));
}

/** The result of one flusher with everything in one carrier, without a fault. */
async function cleanRun(events: readonly OperationAccepted[]): Promise<Record<string, Fields | undefined>> {
  const pipeline = startPipeline();
  await pipeline.accept(events);
  await pipeline.clock.advance(120_000);
  return stored(pipeline);
}

describe('several flushers on the same documents, with crashes, failures and lost answers', () => {
  it('leave the documents and tombstones that one clean run leaves, never both, and no dead letter @slow', async function () {
    this.timeout(60_000);
    let crashes = 0;
    let buried = 0;
    const property = fc.asyncProperty(
      allOperations.chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
      fc.integer({ min: 1, max: 3 }),
      fc.integer(),
      async ([events, groups], size, seed) => {
        const pipeline = startPipeline({ rules: { operationsFlushMs: 0 } });
        crashes += await runCrowd(pipeline, groups, { size, seed });
        const left = pipeline.objects.names().filter((name) => !name.startsWith('bodies/attempts/'));
        assert.deepEqual(left, [], 'no dead letter, no spool left');
        assert.equal(pipeline.tasks.queued.size, 0, 'nothing is queued for ever');
        assert.deepEqual(stored(pipeline), await cleanRun(events));
        for (const path of paths) {
          const { _sluice: _, ...fields } = pipeline.documents.fields(path) ?? {};
          const meant = oneByOne(events.filter((event) => event.path === path));
          assert.deepEqual(shown(fields), meant ?? {}, path);
          assert.equal(pipeline.documents.fields(path) === undefined, meant === undefined);
          const isBuried = pipeline.documents.fields(tombstonePath(path)) !== undefined;
          assert.ok(!(isBuried && pipeline.documents.fields(path)), `${path} has a tombstone`);
          if (isBuried) buried += 1;
        }
      },
    );
    await fc.assert(property, { numRuns: 60, seed: 7, endOnFailure: true });
    assert.ok(crashes > 15, `the faults must bite: ${crashes} crashes`);
    assert.ok(buried > 3, `some must end deleted: ${buried}`);
  });
});
