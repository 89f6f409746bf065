import { eventsIn } from './forms.ts';
import type { Recording } from './recording.ts';

/**
 * Reads a carrier as the code that wrote golden/1.json does. It leaves one of a schema it does not know in the queue,
 * and opens any other; what it does not know inside it takes off without a word. Never to be changed.
 */
const schemas = [1, 2];
const header = ['schema', 'due_ms', 'count', 'oldest', 'flush_before', 'events', 'object'];
const task = ['kind', 'taskId', 'stamp'];
const members: Record<string, string[]> = {
  created: [...task, 'fields', 'visibility'],
  patched: [...task, 'fields', 'visibility'],
  response: [...task, 'response'],
  deadline: task,
  operation: ['kind', 'path', 'stamp', 'type', 'data', 'visibility', 'isNew'],
};
const response = [
  ...['miner_uid', 'response_data', 'body', 'submitted_at_ms', 'processing_time', 'accuracy_score'],
  ...['speed_score', 'hotkey', 'status'],
];

/** Members that a carrier may have besides: without them code goes on, only less well. */
const hints = ['unfolded_bytes', 'tries'];

/** Finds what the first reader would lose of a carrier, if it opens it. */
export function lostByFirstReader(
  data: Record<string, unknown>,
  objects: Pick<Recording, 'objects'>['objects'],
): string[] {
  if (!schemas.includes(Number(data['schema']))) return [];
  const lost = unknown(data, [...header, ...hints]);
  const contents = data['events'] ?? objects[String(data['object'])]?.base64 ?? '';
  for (const event of eventsIn(String(contents))) {
    const known = members[String(event['kind'])];
    lost.push(...(known === undefined ? [String(event['kind'])] : unknown(event, known)));
    const answer = event['response'] as Record<string, unknown> | undefined;
    if (answer === undefined) continue;
    lost.push(...unknown(answer, response));
    if (typeof answer['body'] === 'object') lost.push(...unknown(answer['body'] ?? {}, ['object', 'bytes']));
  }
  return lost;
}

function unknown(value: object, known: readonly string[]): string[] {
  return Object.keys(value).filter((name) => !known.includes(name));
}
