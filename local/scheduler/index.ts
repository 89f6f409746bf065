import { request } from 'node:http';
import type { LocalClock, LocalTimer } from '../shared/clock.ts';
import type { Log } from '../shared/log.ts';
import { parseSchedule, type Schedule } from './schedule.ts';

interface ScheduledJob {
  /** The function's name. */
  name: string;
  schedule: string;
  timeZone: string | undefined;
  /** The function's address. */
  url: string;
}

interface SchedulerOptions {
  clock: LocalClock;
  jobs: ScheduledJob[];
  log: Log;
}

/** Cloud Scheduler on this machine: calls the scheduled functions when the stack's clock says so. */
export class LocalScheduler {
  readonly #clock: LocalClock;
  readonly #log: Log;
  readonly #timers = new Map<string, LocalTimer>();
  #running = 0;

  /** Throws for a schedule it cannot read. */
  constructor({ clock, jobs, log }: SchedulerOptions) {
    this.#clock = clock;
    this.#log = log;
    const schedules = jobs.map((job) => parseSchedule(job.schedule, job.timeZone));
    for (const [i, schedule] of schedules.entries()) {
      const job = jobs[i];
      if (job !== undefined) this.#wait(job, schedule);
    }
  }

  /** Calls that are not answered yet. */
  inFlight(): number {
    return this.#running;
  }

  close(): void {
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer);
    this.#timers.clear();
  }

  #wait(job: ScheduledJob, schedule: Schedule): void {
    const now = this.#clock.now();
    const dueMs = schedule.nextMs(now);
    const timer = this.#clock.setTimeout(() => void this.#run(job, schedule, dueMs), dueMs - now);
    this.#timers.set(job.name, timer);
  }

  /** The next run begins only after this one ended, as in Cloud Scheduler: moments passed by then are skipped. */
  async #run(job: ScheduledJob, schedule: Schedule, dueMs: number): Promise<void> {
    this.#running += 1;
    try {
      const status = await call(job, dueMs);
      if (status >= 300)
        this.#log('scheduler', { severity: 'ERROR', message: `${job.name} answered ${status}.` });
    } catch (error) {
      this.#log('scheduler', { severity: 'ERROR', message: `${job.name} could not be called: ${error}` });
    }
    this.#running -= 1;
    if (this.#timers.has(job.name)) this.#wait(job, schedule);
  }
}

/** The headers of https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget */
function call(job: ScheduledJob, dueMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(job.url, {
      method: 'POST',
      headers: {
        'user-agent': 'Google-Cloud-Scheduler',
        'x-cloudscheduler': 'true',
        'x-cloudscheduler-jobname': `firebase-schedule-${job.name}`,
        'x-cloudscheduler-scheduletime': new Date(dueMs).toISOString(),
        'content-length': '0',
      },
    });
    outgoing.once('response', (answer) => {
      answer.once('close', () => resolve(answer.statusCode ?? 0));
      answer.resume();
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}
