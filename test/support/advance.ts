import assert from 'node:assert/strict';
import type { LocalStack } from '../../local/stack.ts';

/**
 * Moves a stack's clock on step by step until something is so. Between steps the stack's clock is the machine's, so a
 * slow machine gets less done in a minute of it: tests say what is to come about, and only roughly by when.
 */
export async function advanceUntil(
  stack: Pick<LocalStack, 'advance'>,
  isSo: () => Promise<boolean> | boolean,
  { stepMs, steps }: { stepMs: number; steps: number },
): Promise<void> {
  for (let left = steps; left > 0 && !(await isSo()); left -= 1) await stack.advance(stepMs);
  assert.ok(await isSo(), `not within ${(stepMs * steps) / 1000} s`);
}

export interface StackAnswer {
  status: number;
  json: Record<string, unknown>;
}

/** Calls a stack's public address with the key of a role, again as an answer 503 tells. */
export async function callStack(
  stack: Pick<LocalStack, 'advance' | 'urls' | 'keys'>,
  role: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<StackAnswer> {
  const answer = await whenServed(stack, () =>
    fetch(stack.urls.hosting + path, {
      method,
      headers: { 'x-api-key': stack.keys[role] ?? '', 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    }),
  );
  return { status: answer.status, json: (await answer.json()) as StackAnswer['json'] };
}

/** Asks again as an answer 503 tells, by the stack's clock, as callers do. */
export async function whenServed(
  stack: Pick<LocalStack, 'advance'>,
  ask: () => Promise<Response>,
): Promise<Response> {
  for (let tries = 10; ; tries -= 1) {
    const answer = await ask();
    if (answer.status !== 503 || tries === 1) return answer;
    await answer.text();
    await stack.advance(Number(answer.headers.get('retry-after') ?? 1) * 1000);
  }
}
