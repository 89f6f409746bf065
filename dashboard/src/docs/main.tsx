import { render } from 'preact';
import { session } from '../feed/session.ts';
import { followTheme } from '../ui/themeSwitch.tsx';
import { DocsPage } from './docsPage.tsx';

const stored = session(() => window.sessionStorage);
followTheme(stored);
const place = document.getElementById('docs');
if (place !== null) render(<DocsPage stored={stored} />, place);
