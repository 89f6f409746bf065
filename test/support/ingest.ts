import { operationRoutes } from '../../functions/src/documents/routes.ts';
import type { ResponseReceived } from '../../functions/src/events/event.ts';
import { StampSource } from '../../functions/src/events/stamp.ts';
import { answerRoutes } from '../../functions/src/miners/answerRoutes.ts';
import { evaluationRoutes } from '../../functions/src/miners/evaluationRoutes.ts';
import { erasureRoutes } from '../../functions/src/tasks/erasureRoutes.ts';
import { eventRoutes } from '../../functions/src/tasks/eventRoutes.ts';
import { responseRoutes } from '../../functions/src/tasks/responseRoutes.ts';
import type { SpeakersOptions } from '../../functions/src/tasks/speaker.ts';
import { writeRoutes } from '../../functions/src/tasks/writeRoutes.ts';
import { ManualClock } from './clock.ts';
import { type Answer, firstKeys, MemoryStager, serveRoutes } from './http.ts';
import { countingIds } from './ids.ts';
import { type LogLine, memoryLogger } from './logger.ts';
import { MemoryObjects } from './objects.ts';
import { defaultSpeakers } from './speakers.ts';

export interface Ingest {
  clock: ManualClock;
  stager: MemoryStager;
  /** Calls to the bucket so far. */
  bucketCalls: readonly string[];
  log: LogLine[];
  /** Posts a JSON value. */
  post(path: string, value: unknown, options?: CallOptions): Promise<Answer>;
  /** Sends a body as it is. */
  send(
    path: string,
    body: string | Uint8Array,
    type: string | undefined,
    options?: CallOptions,
  ): Promise<Answer>;
  close(): Promise<void>;
}

interface CallOptions {
  key?: string;
  method?: string;
  headers?: Record<string, string>;
}

/**
 * The accepting routes over HTTP, with what they stage in memory. `uid-key` is bound to miner 7, `hotkey-key` to hotkey
 * 5F, `both-key` to both. `collections`: those that operations may write to.
 */
export async function startIngest(
  collections: readonly string[] = [],
  speaking: Partial<SpeakersOptions> = {},
): Promise<Ingest> {
  const clock = new ManualClock();
  const stager = new MemoryStager();
  const bucketCalls: string[] = [];
  const objects = new MemoryObjects(clock).connect((call) => {
    bucketCalls.push(call);
    return 'done';
  });
  const logger = memoryLogger();
  const ids = countingIds();
  const secret = firstKeys([
    { id: 'uid', role: 'miner', key: 'uid-key', uids: [7] },
    { id: 'hotkey', role: 'miner', key: 'hotkey-key', hotkeys: ['5F'] },
    { id: 'bound validator', role: 'validator', key: 'validator-3-key', uids: [3] },
    { id: 'both', role: 'miner', key: 'both-key', uids: [7], hotkeys: ['5F'] },
  ]);
  const shared = { stager, stamps: new StampSource(clock, ids.instance()), ids };
  const speakers = defaultSpeakers({ clock, logger, ...speaking });
  const routes = [
    ...responseRoutes({ ...shared, speakers }),
    ...answerRoutes({ ...shared, speakers }),
    ...evaluationRoutes(shared),
    ...writeRoutes(shared),
    ...erasureRoutes(shared),
    ...operationRoutes({ ...shared, collections }),
    ...eventRoutes({ ...shared, clock, speakers, collections }),
  ];
  const server = await serveRoutes(routes, { secret, objects, clock, logger, ids });
  const send: Ingest['send'] = (
    path,
    body,
    type,
    { key = 'ingest-key', method = 'POST', headers = {} } = {},
  ) =>
    server.call(path, {
      method,
      headers: { 'X-API-Key': key, ...(type === undefined ? {} : { 'Content-Type': type }), ...headers },
      body: typeof body === 'string' ? Buffer.from(body) : new Uint8Array(body),
    });
  return {
    clock,
    stager,
    bucketCalls,
    log: logger.lines,
    send,
    post: (path, value, options) => send(path, JSON.stringify(value), 'application/json', options),
    close: server.close,
  };
}

/** A valid response, with changes. */
export function response(changes: object = {}): Record<string, unknown> {
  return { task_id: 'task-1', miner_uid: 7, response_data: { text: 'hello' }, ...changes };
}

/** The responses staged, in order. */
export function stagedResponses({ stager }: Ingest): ResponseReceived[] {
  return stager.events.filter((event) => event.kind === 'response');
}
