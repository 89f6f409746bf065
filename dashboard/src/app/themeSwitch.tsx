import { useEffect, useState } from 'preact/hooks';
import { Button } from '../ui/button.tsx';
import type { session, Theme } from './session.ts';

/** Changes between light and dark for this tab; until somebody does, the browser's preference holds. */
export function ThemeSwitch({ stored }: { stored: ReturnType<typeof session> }) {
  const [theme, setTheme] = useState<Theme | undefined>(stored.theme());
  useEffect(() => {
    if (theme === undefined) delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  const isDark = theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  const change = (): void => {
    const next = isDark ? 'light' : 'dark';
    stored.keepTheme(next);
    setTheme(next);
  };
  return (
    <Button kind="quiet" onClick={change} label={isDark ? 'Light theme' : 'Dark theme'}>
      {isDark ? '☀' : '☾'}
    </Button>
  );
}
