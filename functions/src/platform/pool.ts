/** Runs `work` over the items, at most `limit` at once; results in the items' order. The first error rejects. */
export async function mapPool<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  const entries = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}

/** Runs pieces of work in their order, each once the one before has ended, also where it failed. */
export function oneAfterTheOther(): <Result>(work: () => Promise<Result>) => Promise<Result> {
  let working: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = working.then(work);
    working = result.catch(() => undefined);
    return result;
  };
}
