import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { profiles, type Size } from '../../../functions/src/app/sizes.ts';
import { maxCarrierBytes } from '../../../functions/src/events/carrier.ts';
import { maxOwnLeases, maxProxyLeases } from '../../../functions/src/quota/limits.ts';
import {
  feedShards,
  maxEvaluationsPerTask,
  maxResponsesPerTask,
} from '../../../functions/src/tasks/limits.ts';
import { maxEventsPerRequest } from '../../../functions/src/tasks/submitFields.ts';

const textOf = (page: string): string =>
  readFileSync(join(import.meta.dirname, '../../../docs', page), 'utf8');
const sizeOf = (profile: string, name: string): Size =>
  profiles[profile]?.[name as 'api'] ?? assert.fail(name);

describe('docs/limits.md', () => {
  const page = textOf('limits.md');

  it('has the limits that the code has', () => {
    const [ingest, api, flush] = ['ingest', 'api', 'flush'].map((name) => sizeOf('default', name));
    const [smallIngest, smallApi] = ['ingest', 'api'].map((name) => sizeOf('small', name));
    const atOnce = (size: Size | undefined): number => (size?.concurrency ?? 0) * (size?.maxInstances ?? 0);
    for (const row of [
      `| instances of \`ingest\` | ${ingest?.maxInstances}; small ${smallIngest?.maxInstances} |`,
      `| carriers at work | ${0.8 * atOnce(flush)} at once`,
      `| reads of the API | ${atOnce(api)} at once; small ${atOnce(smallApi)} |`,
      `in each of ${feedShards} parts: ${(feedShards * 500).toLocaleString('en')} *c*`,
      `| one task | ${maxResponsesPerTask} answers, and as many of strangers; ${maxEvaluationsPerTask} evaluations |`,
      `${maxOwnLeases} own leases, ${maxProxyLeases} of proxies`,
      `${maxCarrierBytes / 1000} KB as sent`,
      `${maxEventsPerRequest.toLocaleString('en')} lines`,
    ])
      assert.ok(page.includes(row), row);
  });

  it('computes with the figures that were measured', () => {
    const measured = textOf('benchmarks.md');
    assert.match(measured, /\| trace, default \(fields wait 30 s\) \| 1\.225 \|/);
    assert.match(measured, /5,505 responses\/s \(4,695 – 6,432\)/);
    const answers = (writes: number): number => (writes / 1.225) * 3;
    assert.equal(Math.round(answers(800) / 50) * 50, 1_950);
    assert.equal(Math.round(answers(feedShards * 500) / 100) * 100, 4_900);
    assert.match(page, /some 1,950 answers a second \*c\*.*\n.*near 4,900 \*c\*/);
  });
});
