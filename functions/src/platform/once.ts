import type { Clock } from './clock.ts';

/**
 * Makes a value when it is first asked for, and keeps it; where that throws, nothing is kept. A promise is
 * made by {@link onceAsync}.
 */
export function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * Makes a value when it is first asked for, for all who ask meanwhile, and keeps it; a failure is told and forgotten.
 */
export function onceAsync<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    if (made !== undefined) return made;
    const making = make();
    made = making;
    making.catch(() => {
      if (made === making) made = undefined;
    });
    return making;
  };
}

/**
 * Makes a value when it is asked for, and answers with it until it is `lifetimeMs` old, which may depend on the value:
 * until that is known, all who ask wait for it. A failure is not cached.
 */
export function cachedFor<Value>(
  clock: Clock,
  lifetimeMs: number | ((value: Value) => number),
  make: () => Promise<Value>,
): () => Promise<Value> {
  let cached: { value: Promise<Value>; untilMs: number } | undefined;
  return () => {
    const nowMs = clock.now();
    if (cached !== undefined && nowMs < cached.untilMs) return cached.value;
    const isFixed = typeof lifetimeMs === 'number';
    const made = { value: make(), untilMs: isFixed ? nowMs + lifetimeMs : Number.POSITIVE_INFINITY };
    cached = made;
    made.value.then(
      (value) => {
        if (!isFixed) made.untilMs = nowMs + lifetimeMs(value);
      },
      () => {
        if (cached === made) cached = undefined;
      },
    );
    return made.value;
  };
}
