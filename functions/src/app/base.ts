import { projectID, storageBucket } from 'firebase-functions/params';
import { type Config, deployedId, readConfig, region } from '../config.ts';
import { systemClock } from '../platform/clock.ts';
import { cloudObjects, storageClient } from '../platform/cloudStorage.ts';
import { type TaskQueue, taskQueue } from '../platform/cloudTasks.ts';
import { randomIds } from '../platform/ids.ts';
import { jsonLogger, type Logger, type Severity, severityOf } from '../platform/logger.ts';
import { once } from '../platform/once.ts';
import { originFields } from '../platform/origin.ts';
import type { Services } from '../platform/services.ts';
import { storageTimeoutMs, tasksTimeoutMs } from '../staging/limits.ts';
import { Outbox } from '../staging/outbox.ts';
import type { QueueName } from '../staging/spool.ts';

/** Parts that every function of a process shares. None of them has loaded a Google client yet. */
interface Wiring extends Services {
  config: Config;
  tickMs: number;
  queues: Record<QueueName, TaskQueue>;
  outbox: Outbox;
}

export const clock = systemClock;
export const ids = randomIds;
/** The process's client of Cloud Storage. */
export const storage = storageClient();

export const base = once((): Wiring => {
  const config = checkedConfig();
  const logger = logFrom(severityOf(config.logLevel));
  const objects = cloudObjects(storageBucket.value(), { clock, limitMs: storageTimeoutMs }, storage);
  const queueOf = (name: QueueName): TaskQueue =>
    taskQueue({
      projectId: projectID.value(),
      region,
      functionName: deployedId(name),
      serviceAccount: config.tasksServiceAccount,
      clock,
      limitMs: tasksTimeoutMs,
    });
  const queues = { flush: queueOf('flush'), expire: queueOf('expire') };
  const outbox = new Outbox({ queues, objects, clock, ids, logger });
  const { tasksServiceAccount: _, ...limits } = config;
  logger.info('Started', { limits });
  return { config, tickMs: config.flushTickMs, clock, ids, logger, objects, queues, outbox };
});

function logFrom(least: Severity): Logger {
  const write = (line: string): void => void process.stdout.write(line);
  return jsonLogger(write, least, () => originFields(projectID.value()));
}

/** Logs why nothing can start, as nobody may see what is thrown. */
function checkedConfig(): Config {
  try {
    return readConfig();
  } catch (error) {
    logFrom('INFO').error('Parameters are missing; nothing starts', { error });
    throw error;
  }
}
