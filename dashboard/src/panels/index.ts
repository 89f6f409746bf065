import type { ComponentType } from 'preact';
import type { Panel, ViewProps } from '../app/panel.ts';
import { readers } from '../app/status.ts';
import { Cost, DollarsToday } from './cost.tsx';
import { DeadLetters } from './deadLetters.tsx';
import { Files } from './files.tsx';
import { Keys } from './keys.tsx';
import { Queue } from './queue.tsx';
import { Tasks } from './tasks.tsx';

/** The views beside the overview, in the order of the navigation. */
export const panels: readonly Panel[] = [
  { id: 'tasks', title: 'Tasks', roles: readers, View: Tasks },
  { id: 'queue', title: 'Queue', roles: ['proxy', 'admin'], View: Queue },
  { id: 'dead-letters', title: 'Dead letters', roles: ['admin'], View: DeadLetters },
  { id: 'files', title: 'Files', roles: readers, View: Files },
  { id: 'cost', title: 'Cost', roles: readers, View: Cost },
  { id: 'keys', title: 'Keys', roles: ['admin'], View: Keys },
];

/** Further tiles of the overview. */
export const tiles: readonly ComponentType<ViewProps>[] = [DollarsToday];
