import type { FunctionsUsage } from '../functions/index.ts';
import type { FirestoreUsage, HostingUsage, StorageUsage, TasksUsage } from '../shared/service.ts';

/** Usage since the last reset, as it would be billed. */
export interface StackUsage {
  firestore: FirestoreUsage;
  tasks: TasksUsage;
  storage: StorageUsage;
  functions: FunctionsUsage;
  hosting: HostingUsage;
  /** Not reset: they are there. */
  scheduler: { jobs: number };
  secrets: { versions: number };
}
