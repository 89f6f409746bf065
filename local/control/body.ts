import type { IncomingMessage } from 'node:http';
import type { Fault, FaultPhase, LocalServiceName } from '../shared/faults.ts';

/** A request the control interface refuses; the message is for the caller. */
export class BadRequest extends Error {}

const maxBodyBytes = 64 * 1024;

/** The JSON object a request carries; an empty body is an empty object. */
export async function readObject(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > maxBodyBytes) throw new BadRequest('The body is too large.');
  }
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Answered below, like every other body that is no object.
  }
  throw new BadRequest('The body must be a JSON object.');
}

/** Reads a fault as `POST /__local/faults` takes it. */
export function readFault(body: Record<string, unknown>): Fault {
  const { method } = body;
  if (method !== undefined && typeof method !== 'string') throw new BadRequest('method must be a string.');
  return {
    service: oneOf<LocalServiceName>(body, 'service', ['firestore', 'tasks', 'storage']),
    code: number(body, 'code', 1, 599),
    rate: number(body, 'rate', 0, 1, 1),
    forMs: number(body, 'for_ms', 0, Number.MAX_SAFE_INTEGER),
    phase: oneOf<FaultPhase>(body, 'phase', ['before', 'after'], 'before'),
    ...(method === undefined ? {} : { method }),
  };
}

/** The number in a field, within its bounds; `fallback` when it is absent. */
export function number(
  body: Record<string, unknown>,
  field: string,
  min: number,
  max: number,
  fallback?: number,
): number {
  const value = body[field] ?? fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw new BadRequest(`${field} must be a number from ${min} to ${max}.`);
}

function oneOf<T extends string>(
  body: Record<string, unknown>,
  field: string,
  allowed: T[],
  fallback?: T,
): T {
  const value = body[field] ?? fallback;
  const found = allowed.find((each) => each === value);
  if (found === undefined) throw new BadRequest(`${field} must be one of ${allowed.join(', ')}.`);
  return found;
}
