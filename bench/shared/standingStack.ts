import { typicalLatencies } from '../../local/shared/latencies.ts';
import { type LocalStack, startStack } from '../../local/stack.ts';

/** A stack of its own whose time stands still between what happens, and whose services take their typical times. */
export async function withStandingStack<Result>(
  env: Readonly<Record<string, string>>,
  use: (stack: LocalStack) => Promise<Result>,
): Promise<Result> {
  const stack = await startStack({
    ports: 'free',
    quiet: true,
    standStill: true,
    latencies: typicalLatencies,
    env,
  });
  try {
    return await use(stack);
  } finally {
    await stack.close();
  }
}
