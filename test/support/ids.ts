import { type Ids, sha256Hex } from '../../functions/src/platform/ids.ts';

const defaultInstance = 'instance';

/** Ids in order: easy to tell apart, and the same in every run. Those of two instances are different. */
export function countingIds(instance = defaultInstance): Ids {
  const first = instance === defaultInstance ? '00000000' : sha256Hex(instance).slice(0, 8);
  let count = 0;
  return {
    uuid: () => {
      count += 1;
      return `${first}-0000-4000-8000-${String(count).padStart(12, '0')}`;
    },
    instance: () => instance,
  };
}
