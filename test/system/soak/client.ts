import { createHash } from 'node:crypto';
import type { LocalStack } from '../../../local/stack.ts';
import { answerText, type Outcome } from './model.ts';
import type { Call } from './story.ts';

/** An answer that no fault explains: the call was valid. */
export class Refused extends Error {}

interface Request {
  path: string;
  role: 'ingest' | 'miner';
  method?: 'PATCH';
  headers?: Record<string, string>;
  type: string;
  body: string | Buffer<ArrayBuffer>;
}

/** Answers of the local stack itself instead of the functions (local/functions). */
const platformTexts = [
  'Refused before the function was reached.',
  'The request waited too long for an instance with room.',
];

/** Makes an episode's calls through Hosting, as proxies and miners do. */
export class Client {
  readonly #stack: Pick<LocalStack, 'urls' | 'keys' | 'now'>;
  /** Longest time by the stack's clock until a call was answered. */
  slowestMs = 0;

  constructor(stack: Pick<LocalStack, 'urls' | 'keys' | 'now'>) {
    this.#stack = stack;
  }

  /** @throws Refused */
  async send(call: Call): Promise<{ outcome: Outcome; fileId?: string }> {
    const { path, role, method, headers, type, body } = requestOf(call);
    const sentMs = this.#stack.now();
    try {
      const answer = await fetch(this.#stack.urls.hosting + path, {
        method: method ?? 'POST',
        headers: { 'x-api-key': this.#stack.keys[role] ?? '', 'content-type': type, ...headers },
        body,
      });
      const text = await answer.text();
      if (answer.ok) return keptAs(call, text);
      if (answer.status < 500 && answer.status !== 429 && !platformTexts.includes(text))
        throw new Refused(`${call.kind}: ${answer.status} ${text.slice(0, 200)}`);
      return { outcome: 'unknown' };
    } catch (error) {
      if (error instanceof Refused) throw error;
      return { outcome: 'unknown' };
    } finally {
      this.slowestMs = Math.max(this.slowestMs, this.#stack.now() - sentMs);
    }
  }
}

function keptAs(call: Call, text: string): { outcome: Outcome; fileId?: string } {
  if (call.kind !== 'file') return { outcome: 'kept' };
  return { outcome: 'kept', fileId: String((JSON.parse(text) as { file_id: string }).file_id) };
}

const json = 'application/json';

function requestOf(call: Call): Request {
  switch (call.kind) {
    case 'create': {
      const { task, required, assigned } = call;
      const fields = { task_id: task, task_type: 'soak', required_miner_count: required };
      const body = assigned === undefined ? fields : { ...fields, assigned_miners: assigned };
      return { path: '/v1/tasks', role: 'ingest', type: json, body: JSON.stringify(body) };
    }
    case 'patch': {
      const body = JSON.stringify({ priority: call.priority });
      return { path: `/v1/tasks/${call.task}`, role: 'ingest', method: 'PATCH', type: json, body };
    }
    case 'answer':
      return answerRequest(call);
    case 'operate': {
      const { type, path, field, value } = call;
      return operation(type === 'delete' ? { type, path } : { type, path, data: { [field]: value } });
    }
    case 'grow':
      return operation({ type: 'update', path: call.path, data: { [call.field]: 'x'.repeat(call.bytes) } });
    case 'file':
      return {
        path: '/v1/files',
        role: 'ingest',
        headers: { 'idempotency-key': call.key, 'x-file-name': call.key },
        type: 'audio/wav',
        body: fileBytes(call.seed, call.bytes),
      };
  }
}

function operation(body: object): Request {
  const operations = JSON.stringify({ operations: [body] });
  return { path: '/v1/operations', role: 'ingest', type: json, body: operations };
}

function answerRequest(call: Extract<Call, { kind: 'answer' }>): Request {
  const { task, uid, form } = call;
  const data = { text: answerText(call) };
  const response = { task_id: task, miner_uid: uid, response_data: data, accuracy_score: 0.5 };
  if (form === 'legacy') {
    const fields = new URLSearchParams({
      task_id: task,
      miner_uid: String(uid),
      response_data: JSON.stringify(data),
    });
    const type = 'application/x-www-form-urlencoded';
    return { path: '/api/v1/miner/response', role: 'miner', type, body: fields.toString() };
  }
  const line = JSON.stringify(response);
  if (form === 'json') return { path: '/v1/responses', role: 'miner', type: json, body: line };
  return { path: '/v1/responses', role: 'miner', type: 'application/x-ndjson', body: `${line}\n` };
}

/** A file's content, the same for the same seed. */
export function fileBytes(seed: number, bytes: number): Buffer<ArrayBuffer> {
  const content = Buffer.alloc(bytes);
  const block = createHash('sha512').update(String(seed)).digest();
  for (let at = 0; at < bytes; at += block.length) block.copy(content, at);
  return content;
}
