import { render } from 'preact';
import { session } from '../feed/session.ts';
import { followTheme } from '../ui/themeSwitch.tsx';
import { App } from './app.tsx';

const stored = session(() => window.sessionStorage);
followTheme(stored);
const place = document.getElementById('app');
if (place !== null) render(<App stored={stored} />, place);
