import { render } from 'preact';
import { session } from '../app/session.ts';
import { applyTheme } from '../app/themeSwitch.tsx';
import { DocsPage } from './docsPage.tsx';

const stored = session(() => window.sessionStorage);
applyTheme(stored.theme());
const place = document.getElementById('docs');
if (place !== null) render(<DocsPage stored={stored} />, place);
