import assert from 'node:assert/strict';
import type { Event, OperationAccepted } from '../../functions/src/events/event.ts';
import type { Stamp } from '../../functions/src/events/stamp.ts';
import type { FollowUp, Kind } from '../../functions/src/flush/kind.ts';
import { startMs } from '../support/clock.ts';
import { patched } from '../support/events.ts';
import { operation } from '../support/operations.ts';
import { startPipeline } from '../support/pipeline.ts';
import { samples } from '../support/samples.ts';

const minuteMs = 60_000;

/** Documents that say how many operations there were on them: a kind that the engine never heard of. */
function tallyKind(follow: FollowUp['work']): Kind<OperationAccepted, ReadonlySet<Stamp>> {
  return {
    maxBytes: 1_000_000,
    maxCacheBytes: 1_000_000,
    owns: (event: Event): event is OperationAccepted =>
      event.kind === 'operation' && event.path.startsWith('tallies/'),
    pathOf: ({ path }) => path,
    waitMs: () => 60 * minuteMs,
    hasEnough: ({ events }) => events.length > 1,
    isNew: () => false,
    stateOf: (_, fields) => new Set((fields?.['stamps'] ?? []) as Stamp[]),
    plan: (path, { state, version }, events) => {
      const after = new Set([...state, ...events.map(({ stamp }) => stamp)]);
      const document = { count: after.size, stamps: [...after].sort() };
      const changes = Object.entries(document).map(([name, value]) => ({ path: [name], value }));
      const writes = after.size === state.size ? [] : [{ path, ifVersion: version, changes }];
      return { after, document, bytes: 100, writes, ifAbsent: [] };
    },
    follow: () => ({
      after: (round) => round.map(({ events }) => ({ events, work: follow })),
      end: () => [],
    }),
    done: ({ before, after }) => ({ operations: after.size - before.size }),
    counts: (groups) => ({ tallies: groups.length }),
  };
}

const tallied = [1, 2, 3].map((ms) => operation('tallies/a', startMs + ms, 'set', {}));
const others = [
  operation('things/b', startMs, 'set', { b: 1 }, { visibility: 'prompt' }),
  patched('t', startMs, { priority: 1 }, { visibility: 'prompt' }),
];

describe('a third kind of document', () => {
  it('is written beside the others by what it says of itself alone', async () => {
    const pipeline = startPipeline({ kinds: (own) => [tallyKind(async () => undefined), ...own] });
    await pipeline.accept([...others, ...tallied.slice(0, 2)]);
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), ['tallies/a', 'tasks/t', 'things/b']);
    assert.equal(pipeline.documents.fields('tallies/a')?.['count'], 2);
    assert.deepEqual(pipeline.work(), { operations: 2 + 1, changes: 1, carriers: 1 });
    const line = pipeline.log.find(({ message }) => message === 'Flushed');
    assert.deepEqual(
      [line?.fields?.['tallies'], line?.fields?.['tasks'], line?.fields?.['operations']],
      [1, 1, 1],
    );
  });

  it('is carried while it says that it is not ready, and read where it changed meanwhile', async () => {
    const pipeline = startPipeline({ kinds: (own) => [tallyKind(async () => undefined), ...own] });
    await pipeline.accept(tallied.slice(0, 1));
    await pipeline.tick();
    assert.deepEqual(pipeline.documents.paths(), []);
    await pipeline.accept(tallied.slice(1, 2));
    await pipeline.tick();
    pipeline.start();
    await pipeline.accept(tallied);
    await pipeline.tick();
    assert.equal(pipeline.documents.fields('tallies/a')?.['count'], 3);
    await pipeline.clock.advance(60 * minuteMs);
    assert.equal(pipeline.tasks.queued.size, 0);
    assert.equal(pipeline.documents.writes, 2);
  });

  it('comes again with its events where what follows its commit fails', async () => {
    let fails = 2;
    const follow = async (): Promise<void> => {
      fails -= 1;
      if (fails >= 0) throw new Error('not now');
    };
    const pipeline = startPipeline({ kinds: (own) => [tallyKind(follow), ...own] });
    await pipeline.accept(tallied);
    await pipeline.clock.advance(minuteMs);
    assert.equal(fails, -1);
    assert.equal(pipeline.documents.fields('tallies/a')?.['count'], 3);
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});

it('every kind of event is owned by a kind of document that is deployed', () => {
  const owned = new Set<string>();
  startPipeline({
    kinds: (deployed) => {
      for (const event of Object.values(samples))
        if (deployed.some((kind) => kind.owns(event))) owned.add(event.kind);
      return deployed;
    },
  });
  assert.deepEqual([...owned], Object.keys(samples), 'functions/src/app/kinds.ts lacks a kind');
});

describe('events that no kind owns', () => {
  it('stay queued, as they are, until code comes that knows their kind', async () => {
    let isKnown = false;
    const pipeline = startPipeline({ kinds: (own) => (isKnown ? own : own.slice(0, 1)) });
    await pipeline.accept(others);
    await pipeline.clock.advance(60 * minuteMs);
    assert.deepEqual(pipeline.documents.paths(), ['tasks/t']);
    assert.equal(pipeline.tasks.in('flush').length, 1);
    assert.deepEqual([...pipeline.objects.objects.keys()], []);
    isKnown = true;
    pipeline.start();
    await pipeline.clock.advance(60 * minuteMs);
    assert.deepEqual(pipeline.documents.fields('things/b')?.['b'], 1);
    assert.equal(pipeline.tasks.queued.size, 0);
  });
});
