import { readers } from '../feed/status.ts';
import type { View } from '../feed/view.ts';
import { Overview } from '../overview/overview.tsx';
import { Cost } from './cost.tsx';
import { DeadLetters } from './deadLetters.tsx';
import { Files } from './files.tsx';
import { Keys } from './keys.tsx';
import { Queue } from './queue.tsx';
import { Tasks } from './tasks.tsx';

export const overview: View = { id: '', title: 'Overview', roles: readers, Shown: Overview };

/** All views, in the order of the navigation. */
export const views: readonly View[] = [
  overview,
  { id: 'tasks', title: 'Tasks', roles: readers, Shown: Tasks },
  { id: 'queue', title: 'Queue', roles: ['proxy', 'admin'], Shown: Queue },
  { id: 'dead-letters', title: 'Dead letters', roles: ['admin'], Shown: DeadLetters },
  { id: 'files', title: 'Files', roles: readers, Shown: Files },
  { id: 'cost', title: 'Cost', roles: readers, Shown: Cost },
  { id: 'keys', title: 'Keys', roles: ['admin'], Shown: Keys },
];
