import type { ComponentType } from 'preact';
import type { Api } from './api.ts';
import type { Feed } from './feed.ts';
import type { Reader } from './status.ts';

/** All that a view of the page is given. */
export interface ViewProps {
  api: Api;
  feed: Feed;
  role: Reader;
  /** The server's time now, ms. */
  nowMs: number;
  /** Asks for the status at once; with `detail` the queue is listed. */
  refresh(options?: { detail?: boolean }): void;
  /** Says something to screen readers. */
  announce(message: string): void;
}

/** A view of its own, behind a link of the navigation. */
export interface View {
  /** Its place in the address: `#/ID`. */
  id: string;
  title: string;
  /** The roles that may see it. */
  roles: readonly Reader[];
  Shown: ComponentType<ViewProps>;
}
