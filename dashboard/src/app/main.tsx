import { render } from 'preact';
import { session } from '../feed/session.ts';
import { applyTheme } from '../ui/themeSwitch.tsx';
import { App } from './app.tsx';

const stored = session(() => window.sessionStorage);
applyTheme(stored.theme());
const place = document.getElementById('app');
if (place !== null) render(<App stored={stored} />, place);
