import { Api } from '../shared/api.ts';
import { moving, pollsOf, replay } from '../shared/replay.ts';
import { withStandingStack } from '../shared/standingStack.ts';
import { type Coefficients, causesOf } from './coefficients.ts';

const pollingMiners = 60;
const pollingMs = 240_000;

/** Polls of miners without open tasks, none of which the CDN answers. */
export async function measuredPoll(): Promise<Coefficients['poll']> {
  return await withStandingStack({ POLL_CACHE_SECONDS: '0' }, async (stack) => {
    const api = new Api(stack);
    const polls = pollsOf(pollingMiners, pollingMs);
    await replay(stack, api, polls.slice(0, 1));
    const { body } = await moving(stack, () => api.expect(polls[0]?.path ?? '', polls[0]?.sent ?? {}));
    await stack.advance(60_000);
    stack.resetUsage();
    await replay(stack, api, polls);
    const usage = stack.usage();
    const served = Object.entries(usage.functions.by_function).filter(([, { by_cause }]) =>
      Object.keys(by_cause).some((cause) => cause.startsWith('GET ')),
    );
    const functions = { ...usage.functions, by_function: Object.fromEntries(served) };
    const causes = causesOf({ ...usage, functions }, 1 / polls.length);
    const perMiss = Object.fromEntries(
      served.flatMap(([name]) => (causes[name] === undefined ? [] : [[`polls: ${name}`, causes[name]]])),
    );
    return {
      per_miss: perMiss,
      header_bytes: Math.round(usage.hosting.bytes / polls.length) - JSON.stringify(body).length,
      max_instances: Math.max(
        ...stack.functions
          .filter(({ name }) => served.some(([of]) => of === name))
          .map(({ maxInstances }) => maxInstances),
      ),
    };
  });
}
