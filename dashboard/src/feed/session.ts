import type { Theme } from '../ui/theme.ts';

/** The part of the browser's Storage that is used. */
interface SessionStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

const keyName = 'sluice.key';
const themeName = 'sluice.theme';

/** Keeps the key and the theme for this tab alone; where the browser forbids storage, until the page is left. */
export function session(store: () => SessionStore) {
  const kept = new Map<string, string>();
  const get = (name: string): string | undefined => {
    try {
      return store().getItem(name) ?? undefined;
    } catch {
      return kept.get(name);
    }
  };
  const set = (name: string, value: string | undefined): void => {
    try {
      if (value === undefined) store().removeItem(name);
      else store().setItem(name, value);
    } catch {
      if (value === undefined) kept.delete(name);
      else kept.set(name, value);
    }
  };
  return {
    key: () => get(keyName),
    keepKey: (key: string) => set(keyName, key),
    forgetKey: () => set(keyName, undefined),
    theme: (): Theme | undefined => {
      const theme = get(themeName);
      return theme === 'light' || theme === 'dark' ? theme : undefined;
    },
    keepTheme: (theme: Theme) => set(themeName, theme),
  };
}
