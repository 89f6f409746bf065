/**
 * A small part of a failing list that still fails, found by leaving out runs of it, long ones first. `fails` is
 * asked at most until `isOver`. What fails only now and then may end larger than needed, never as something
 * that was not seen to fail.
 */
export async function shrink<Item>(
  items: readonly Item[],
  fails: (part: readonly Item[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<readonly Item[]> {
  let smallest = items;
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < smallest.length && !isOver(); ) {
      const part = [...smallest.slice(0, at), ...smallest.slice(at + size)];
      if (await fails(part)) smallest = part;
      else at += size;
    }
  }
  return smallest;
}
