import type { Fault, FaultPhase, LocalServiceName } from '../shared/faults.ts';
import { BadRequest, flag, number, oneOf, onlyFields } from './body.ts';

const fields = ['service', 'code', 'delay_ms', 'cut', 'hang', 'rate', 'for_ms', 'phase', 'method'];
const services: LocalServiceName[] = ['firestore', 'tasks', 'storage', 'metadata', 'functions'];

/** An hour: as long as the longest of the clients' own deadlines. */
const maxDelayMs = 3_600_000;

/** The numbers a failure may have: gRPC statuses but OK, HTTP statuses that are errors. */
const codes: Record<LocalServiceName, [min: number, max: number]> = {
  firestore: [1, 16],
  tasks: [1, 16],
  storage: [400, 599],
  metadata: [400, 599],
  functions: [400, 599],
};

const rpcName = /^[A-Z][A-Za-z]+$/;
const functionName = /^[A-Za-z][A-Za-z0-9-]*$/;
const httpMethod = /^(GET|HEAD|POST|PUT|PATCH|DELETE)$/;

/** Reads a fault as `POST /__local/faults` takes it. Throws {@link BadRequest}, whose message names the field. */
export function readFault(body: Record<string, unknown>): Fault {
  onlyFields(body, fields);
  const service = oneOf(body, 'service', services);
  const [minCode, maxCode] = codes[service];
  const isCut = flag(body, 'cut');
  const hangs = flag(body, 'hang');
  const phase = oneOf<FaultPhase>(body, 'phase', ['before', 'after', 'half'], 'before');
  const { code, delay_ms: delay, method } = body;
  if (code === undefined && delay === undefined && !isCut && !hangs)
    throw new BadRequest('code, delay_ms, cut or hang must say what the fault does.');
  if ([code !== undefined, isCut, hangs].filter(Boolean).length > 1)
    throw new BadRequest('code, cut and hang exclude each other: give one of them.');
  if (service === 'functions' && phase !== 'before')
    throw new BadRequest(
      'phase must be before: of functions, only calls that never reach the code can fail.',
    );
  if (code !== undefined && phase === 'half')
    throw new BadRequest('code cannot be answered when half an answer is sent: give cut or hang.');
  return {
    service,
    ...(code === undefined ? {} : { code: wholeNumber(body, 'code', minCode, maxCode) }),
    ...(delay === undefined ? {} : { delayMs: number(body, 'delay_ms', 0, maxDelayMs) }),
    ...(isCut ? { cut: true } : {}),
    ...(hangs ? { hang: true } : {}),
    rate: number(body, 'rate', 0, 1, 1),
    forMs: number(body, 'for_ms', 0, Number.MAX_SAFE_INTEGER),
    phase,
    ...(method === undefined ? {} : { method: readMethod(service, method) }),
  };
}

function wholeNumber(body: Record<string, unknown>, field: string, min: number, max: number): number {
  const value = number(body, field, min, max);
  if (Number.isInteger(value)) return value;
  throw new BadRequest(`${field} must be a whole number from ${min} to ${max}.`);
}

function readMethod(service: LocalServiceName, method: unknown): string {
  const isRpc = service === 'firestore' || service === 'tasks';
  const [form, example] =
    service === 'functions' ? [functionName, 'flush'] : isRpc ? [rpcName, 'CreateTask'] : [httpMethod, 'GET'];
  if (typeof method === 'string' && form.test(method)) return method;
  throw new BadRequest(`method must be a name like ${example}.`);
}
