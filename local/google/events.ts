import { StorageEvents } from '../functions/storageEvents.ts';
import type { LocalClock } from '../shared/clock.ts';
import type { StorageEvent } from '../storage/index.ts';
import type { Project } from './project.ts';

interface EventsOptions {
  project: Project;
  clock: LocalClock;
  reach: (url: string) => string;
}

/** Eventarc: hands the bucket's events to the functions that are deployed when they happen. */
export class DeployedEvents {
  readonly #options: EventsOptions;
  readonly #subscribers: { name: string; eventType: string; retry: boolean; url: string }[] = [];
  readonly #events: StorageEvents;

  constructor(options: EventsOptions) {
    this.#options = options;
    const { clock } = options;
    this.#events = new StorageEvents({ clock, log: () => undefined, subscribers: this.#subscribers });
  }

  publish(event: StorageEvent): void {
    const { project, reach } = this.#options;
    this.#subscribers.length = 0;
    for (const { name, url, eventTrigger } of project.functions.values()) {
      if (eventTrigger === undefined) continue;
      const { eventType, retryPolicy } = eventTrigger;
      this.#subscribers.push({
        name,
        eventType,
        retry: retryPolicy === 'RETRY_POLICY_RETRY',
        url: reach(url),
      });
    }
    this.#events.publish(event);
  }

  async close(): Promise<void> {
    this.#events.close();
  }
}

/**
 * Calls what a schedule calls, as Cloud Scheduler does when its time has come, and notes how that ended.
 * @returns the status of the answer.
 */
export async function runJob(project: Project, id: string, reach: (url: string) => string): Promise<number> {
  const job = [...project.jobs.values()].find(({ name }) => name.endsWith(`/jobs/${id}`));
  if (job?.httpTarget === undefined) throw new Error(`There is no schedule ${id}.`);
  const answer = await fetch(reach(job.httpTarget.uri), { method: 'POST' });
  await answer.arrayBuffer();
  job.lastAttemptTime = new Date().toISOString();
  // google.rpc.Code: 13 is INTERNAL.
  job.status = { code: answer.ok ? 0 : 13 };
  return answer.status;
}
