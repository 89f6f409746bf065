import { useState } from 'preact/hooks';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import type { Theme } from './theme.ts';

interface StoredTheme {
  theme(): Theme | undefined;
  keepTheme(theme: Theme): void;
}

/** Shows a theme; without one, the browser's preference. */
export function applyTheme(theme: Theme | undefined): void {
  if (theme === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}

/** Changes between light and dark for this tab; until somebody does, the browser's preference holds. */
export function ThemeSwitch({ stored }: { stored: StoredTheme }) {
  const [theme, setTheme] = useState(
    stored.theme() ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'),
  );
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    stored.keepTheme(other);
    applyTheme(other);
    setTheme(other);
  };
  return (
    <Button kind="quiet" onClick={change} label={other === 'dark' ? 'Dark theme' : 'Light theme'}>
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </Button>
  );
}
