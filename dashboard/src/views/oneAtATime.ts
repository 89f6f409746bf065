/** Wraps work so that a second call, while the first goes on, does nothing and answers undefined. */
export function oneAtATime<Args extends unknown[], Answer>(
  work: (...args: Args) => Promise<Answer>,
): (...args: Args) => Promise<Answer | undefined> {
  let isBusy = false;
  return async (...args) => {
    if (isBusy) return undefined;
    isBusy = true;
    try {
      return await work(...args);
    } finally {
      isBusy = false;
    }
  };
}
