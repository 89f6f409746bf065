import type { Ids } from '../../functions/src/platform/ids.ts';

/** Ids in order: the same in every run. */
export function countingIds(instance = 'instance'): Ids {
  let count = 0;
  return {
    uuid: () => {
      count += 1;
      return `${instance}-${String(count).padStart(4, '0')}`;
    },
    instance: () => instance,
  };
}
