import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TaskEvent } from '../../functions/src/events/event.ts';
import type { JsonObject } from '../../functions/src/platform/json.ts';
import { regrouped, taskEvents } from '../support/arbitraries.ts';
import { runCrowd } from '../support/crowd.ts';
import { type Pipeline, startPipeline } from '../support/pipeline.ts';

const taskIds = ['a', 'b', 'c'];
const hourMs = 3_600_000;

function tasksOf(pipeline: Pipeline): Record<string, JsonObject | undefined> {
  return Object.fromEntries(taskIds.map((id) => [id, pipeline.task(id)]));
}

/** The result of one flusher with everything in one carrier, without a fault. */
async function cleanRun(events: readonly TaskEvent[]): Promise<Record<string, JsonObject | undefined>> {
  const pipeline = startPipeline();
  await pipeline.accept(events);
  await pipeline.clock.advance(2 * hourMs);
  return tasksOf(pipeline);
}

const allEvents = fc.tuple(...taskIds.map((id) => taskEvents(id))).map((each) => each.flat());

describe('several flushers on the same tasks, with crashes, failures and lost answers', () => {
  it('end as one clean run does, with nothing left behind and no dead letter @slow', async function () {
    this.timeout(60_000);
    let crashes = 0;
    const property = fc.asyncProperty(
      allEvents.chain((events) => fc.tuple(fc.constant(events), regrouped(events))),
      fc.integer({ min: 1, max: 3 }),
      fc.integer(),
      async ([events, groups], size, seed) => {
        const pipeline = startPipeline();
        crashes += await runCrowd(pipeline, groups, { size, seed });
        const left = pipeline.objects.names().filter((name) => !name.startsWith('bodies/attempts/'));
        assert.deepEqual(left, [], 'no dead letter, no spool left');
        assert.equal(pipeline.tasks.queued.size, 0, 'nothing is queued for ever');
        assert.deepEqual(tasksOf(pipeline), await cleanRun(events));
      },
    );
    await fc.assert(property, { numRuns: 30, seed: 7, endOnFailure: true });
    assert(crashes > 15, `the faults must bite: ${crashes} crashes`);
  });
});
