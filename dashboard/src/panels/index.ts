import type { ComponentType } from 'preact';
import type { Panel, ViewProps } from '../app/panel.ts';

/** The views beside the overview, in the order of the navigation. */
export const panels: readonly Panel[] = [];

/** Further tiles of the overview. */
export const tiles: readonly ComponentType<ViewProps>[] = [];
