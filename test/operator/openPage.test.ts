import assert from 'node:assert/strict';
import { fileFigures } from '../../functions/src/files/figures.ts';
import { statusReader } from '../../functions/src/operator/status.ts';
import { quotaReader } from '../../functions/src/quota/reader.ts';
import { plenty, Scene } from '../quota/scene.ts';
import { MemoryObjects } from '../support/objects.ts';
import { statusConfig } from './support.ts';

const everyMs = 15_000;
const dayMs = 24 * 3_600_000;
const statuses = dayMs / everyMs;

describe('a page that is open for a day', () => {
  for (const files of [0, 20_000]) {
    it(`costs at most 6,000 reads of Firestore, with ${files} files in it`, async () => {
      const scene = new Scene();
      const { clock, logger, days } = scene;
      const { documents, meter } = scene.process('api', { count: async () => files });
      const objects = new MemoryObjects(clock).connect();
      const limits = { ...plenty, quotaPerSecond: plenty.rates };
      const status = statusReader({
        ...{ clock, logger, meter, objects, config: statusConfig, queueControl: undefined },
        quota: quotaReader({ ledger: scene.ledger(), days, limits, clock }),
        files: { read: fileFigures({ objects, documents, clock }) },
      });
      for (let asked = 0; asked < statuses; asked += 1) {
        const answer = status(false);
        await clock.advance(everyMs);
        await answer;
      }
      const { file_manager, quota_monitor } = await status(false);
      assert.equal(file_manager.firestore_files, files);
      assert.ok((quota_monitor.history?.hours.length ?? 0) > 1, 'the history is shown');
      const billed = scene.ledgerReads + meter.of('files').reads;
      assert.ok(billed >= statuses && billed <= 6_000, `${billed} reads`);
      assert.ok(scene.ledgerWrites <= 100, `${scene.ledgerWrites} writes`);
    });
  }
});
