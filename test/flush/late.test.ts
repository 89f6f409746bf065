import assert from 'node:assert/strict';
import { delay } from '../../functions/src/platform/clock.ts';
import { response } from '../support/events.ts';
import { startPipeline } from '../support/pipeline.ts';

describe('a carry that is confirmed after its time', () => {
  for (const lateMs of [0, 7_000, 9_000, 9_500, 10_000, 10_500, 11_000, 12_000]) {
    it(`loses no event: carry takes ${lateMs} ms`, async () => {
      const pipeline = startPipeline();
      const { clock, tasks, documents } = pipeline;
      let slowPut = false;
      let slowCommitMs = 0;
      const connectTasks = tasks.connect.bind(tasks);
      tasks.connect = (queue, decide) => {
        const own = connectTasks(queue, decide);
        return {
          put: async (data, dueMs) => {
            if (slowPut) {
              slowPut = false;
              await delay(clock, lateMs);
            }
            await own.put(data, dueMs);
          },
        };
      };
      const connectDocuments = documents.connect.bind(documents);
      documents.connect = (decide) => {
        const own = connectDocuments(decide);
        return {
          ...own,
          commit: async (writes, purpose) => {
            if (slowCommitMs > 0) await delay(clock, slowCommitMs);
            return own.commit(writes, purpose);
          },
        };
      };
      pipeline.start();
      await pipeline.accept([response('t', clock.now(), 1)]);
      // Only the flush's own carry is slow.
      await clock.advance(4_990);
      slowPut = true;
      await clock.advance(310);
      // Others complete the document while the first carry still hangs; Firestore takes 3 s to commit them.
      slowCommitMs = 3_000;
      await clock.advance(200);
      await pipeline.accept(
        [2, 3, 4].map((uid) => response('t', clock.now(), uid)),
        clock.now() + 4_500,
      );
      await clock.advance(30_000);
      slowCommitMs = 0;
      await clock.advance(600_000);
      assert.equal(tasks.queued.size, 0);
      assert.equal(pipeline.task('t')?.['response_count'], 4);
    });
  }
});
