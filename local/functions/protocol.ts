/** Messages of the manager and an instance to each other, over the process's IPC channel. */

/** Moves the instance's clock (never back) and asks for its state, which answers after what became due has run. */
export interface SyncMessage {
  type: 'sync';
  id: number;
  offsetMs: number;
}

export interface ReadyMessage {
  type: 'ready';
  port: number;
}

interface StateMessage {
  type: 'state';
  id: number;
  state: InstanceState;
}

export interface InstanceState {
  openRequests: number;
  /** Calls of the services that are not answered yet. */
  openCalls: number;
  /** Work of the process outside of its event loop. */
  pendingWork: number;
  /** The time of the instance's next timer, by the stack's clock, or null. */
  nextDueMs: number | null;
  /** Changes whenever a request begins or ends or a timer is set, cleared or run. */
  activity: number;
}

/** CPU time that the instance used since it said so last, its start included; only where the clock stands still. */
interface WorkMessage {
  type: 'work';
  cpuMs: number;
}

export type FromInstance = ReadyMessage | StateMessage | WorkMessage;
