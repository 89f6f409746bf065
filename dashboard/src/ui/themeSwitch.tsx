import { useState } from 'preact/hooks';
import { Button } from './button.tsx';
import { Icon } from './icon.tsx';
import type { Theme } from './theme.ts';

interface StoredTheme {
  theme(): Theme | undefined;
  keepTheme(theme: Theme): void;
}

/** Shows this tab's theme, or the browser's preference as it changes. To be called before anything is drawn. */
export function followTheme(stored: Pick<StoredTheme, 'theme'>): void {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const show = (): void => showTheme(stored.theme() ?? (dark.matches ? 'dark' : 'light'));
  dark.addEventListener('change', show);
  show();
}

/** Changes between light and dark for this tab; until somebody does, the browser's preference holds. */
export function ThemeSwitch({ stored }: { stored: StoredTheme }) {
  const [theme, setTheme] = useState(document.documentElement.dataset['theme']);
  const other: Theme = theme === 'dark' ? 'light' : 'dark';
  const change = (): void => {
    stored.keepTheme(other);
    showTheme(other);
    setTheme(other);
  };
  return (
    <Button kind="quiet" onClick={change} label={other === 'dark' ? 'Dark theme' : 'Light theme'}>
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </Button>
  );
}

function showTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
}
