import type { Clock } from './clock.ts';

/** Makes a value when it is first asked for, and keeps it unless that throws. For promises: {@link onceAsync}. */
export function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** The same for a promise, which all who ask meanwhile share; a failure is told and forgotten. */
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
 * Makes a value when it is asked for, and answers with it for `lifetimeMs` from then, or as long as `lifetimeOf` says
 * once it is made. All who ask meanwhile wait for the same one. Where it hangs past `lifetimeMs`, or fails, who asks
 * then makes it anew.
 */
export function cachedFor<Value>(
  clock: Clock,
  lifetimeMs: number,
  make: () => Promise<Value>,
  lifetimeOf: (value: Value) => number = () => lifetimeMs,
): () => Promise<Value> {
  let cached: { value: Promise<Value>; untilMs: number } | undefined;
  return () => {
    const nowMs = clock.now();
    if (cached !== undefined && nowMs < cached.untilMs) return cached.value;
    const made = { value: make(), untilMs: nowMs + lifetimeMs };
    cached = made;
    made.value.then(
      (value) => {
        made.untilMs = nowMs + lifetimeOf(value);
      },
      () => {
        if (cached === made) cached = undefined;
      },
    );
    return made.value;
  };
}
