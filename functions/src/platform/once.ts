import type { Clock } from './clock.ts';

/** Makes a value when it is first asked for, and keeps it; where that throws, nothing is kept. */
export function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Makes a value when it is asked for, and answers with it until it is `keptMs` old, which may depend on the value: until that is
 * known, all who ask wait for it. A failure is not kept.
 */
export function keptFor<Value>(
  clock: Clock,
  keptMs: number | ((value: Value) => number),
  make: () => Promise<Value>,
): () => Promise<Value> {
  let kept: { value: Promise<Value>; untilMs: number } | undefined;
  return () => {
    const nowMs = clock.now();
    if (kept !== undefined && nowMs < kept.untilMs) return kept.value;
    const isFixed = typeof keptMs === 'number';
    const made = { value: make(), untilMs: isFixed ? nowMs + keptMs : Number.POSITIVE_INFINITY };
    kept = made;
    made.value.then(
      (value) => {
        if (!isFixed) made.untilMs = nowMs + keptMs(value);
      },
      () => {
        if (kept === made) kept = undefined;
      },
    );
    return made.value;
  };
}
