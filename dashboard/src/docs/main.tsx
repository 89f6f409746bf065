import { render } from 'preact';
import { session } from '../feed/session.ts';
import { applyTheme } from '../ui/themeSwitch.tsx';
import { DocsPage } from './docsPage.tsx';

const stored = session(() => window.sessionStorage);
applyTheme(stored.theme());
const place = document.getElementById('docs');
if (place !== null) render(<DocsPage stored={stored} />, place);
