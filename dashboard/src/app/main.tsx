import { render } from 'preact';
import { App } from './app.tsx';
import { session } from './session.ts';
import { applyTheme } from './themeSwitch.tsx';

const stored = session(() => window.sessionStorage);
applyTheme(stored.theme());
const place = document.getElementById('app');
if (place !== null) render(<App stored={stored} />, place);
