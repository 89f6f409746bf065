import { type Api, apiClient } from './api.ts';

type Options = Parameters<typeof apiClient>[0];

/** A client for this browser. */
export function browserClient(key: string, more: Pick<Options, 'onTime' | 'onUnknownKey'> = {}): Api {
  return apiClient({ key, fetch: (path, init) => fetch(path, init), now: () => Date.now(), ...more });
}
