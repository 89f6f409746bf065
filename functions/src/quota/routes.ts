import { isObject, readJson } from '../http/body.ts';
import { expected, isEmpty, queryInteger, readInteger } from '../http/fields.ts';
import type { ApiRequest, ApiResponse, Route } from '../http/route.ts';
import { smallest } from '../platform/arrays.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import type { QuotaDays } from './day.ts';
import { type Ledger, LedgerError, type LedgerOrder } from './ledgerDocument.ts';
import type { LeaseReturn, LedgerAnswer } from './ledgerRequest.ts';
import type { Lease } from './ledgerState.ts';
import { maxWarnings } from './limits.ts';
import { noOperations, type Operations, operationTypes, perType } from './operations.ts';
import type { QuotaReader } from './reader.ts';
import type { Throttle } from './throttle.ts';

/** A proxy's lease: the most of each kind, and how long it lasts. */
const maxLeaseAmount = 1_000_000;
const maxLeaseSeconds = 3_600;
const defaultLeaseSeconds = 60;

export interface QuotaRoutesOptions {
  ledger: Pick<Ledger, 'ask'>;
  reader: QuotaReader;
  days: QuotaDays;
  /** Hears what the ledger says of the day, and logs what was neared. */
  throttle: Pick<Throttle, 'learn'>;
  clock: Clock;
  ids: Ids;
}

/** Leases for proxies that write to Firestore themselves, and what operators see of the quota. */
export function quotaRoutes(options: QuotaRoutesOptions): Route[] {
  const { reader } = options;
  return [
    {
      method: 'POST',
      path: '/v1/quota/leases',
      access: ['ingest'],
      handle: (request) => take(options, request),
    },
    {
      method: 'DELETE',
      path: '/v1/quota/leases/:id',
      access: ['ingest'],
      handle: (request) => returnLease(options, request),
    },
    {
      method: 'GET',
      path: '/v1/quota',
      access: ['read'],
      handle: async () => ({ status: 200, json: await known(reader.report()) }),
    },
    {
      method: 'GET',
      path: '/v1/warnings',
      access: ['read'],
      handle: async ({ query }) => ({
        status: 200,
        json: { warnings: await known(reader.warnings(readLimit(query))) },
      }),
    },
  ];
}

async function take(options: QuotaRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const { clock, days, ids } = options;
  const { amounts, termSeconds, renewed } = readLeaseRequest(readJson(request));
  const nowMs = clock.now();
  const wanted = {
    // The day in front tells a return of an earlier day from one of a lease that never was.
    id: `${days.dayOf(nowMs).id}.${ids.uuid()}`,
    takeoverMs: nowMs,
    demands: perType((type) => amounts[type] / termSeconds),
    needs: noOperations,
    spentEarly: [],
    fixed: { amounts, termMs: termSeconds * 1000 },
  };
  const answer = await ask(options, request, { returns: renewed === undefined ? [] : [renewed], wanted });
  const { lease, denials, returned } = answer;
  if (lease !== undefined) return { status: 201, json: shownLease(lease) };
  if (renewed !== undefined && returned[0] !== 'pending')
    throw refusedReturn(returned[0], renewed.id, options);
  throw denied(denials, nowMs);
}

async function returnLease(options: QuotaRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const id = request.params['id'] ?? '';
  const spent = request.body.length === 0 ? undefined : readSpent(readJson(request));
  const { returned } = await ask(options, request, { returns: [{ id, spent: spent ?? 'all' }] });
  if (returned[0] === 'pending')
    throw new AppError('unavailable', 'Nothing can be recorded before the daily reset; nothing is changed.');
  if (returned[0] !== 'credited') throw refusedReturn(returned[0], id, options);
  return { status: 204 };
}

/** Asks in the name of the caller's key: all proxies that share it are one holder. */
async function ask(
  { ledger, throttle, clock }: QuotaRoutesOptions,
  { caller }: ApiRequest,
  order: Pick<LedgerOrder, 'returns' | 'wanted'>,
): Promise<LedgerAnswer> {
  const use = { byCause: {}, unleased: noOperations, warnings: [] };
  const holder = `key:${caller.keyId}`;
  const answer = await known(ledger.ask({ ...order, holder, kind: 'proxy', use, multiplier: 1 }));
  throttle.learn(answer, clock.now());
  return answer;
}

async function known<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new AppError('unavailable', 'The quota ledger does not answer; nothing is granted.', { cause });
  }
}

function denied(denials: LedgerAnswer['denials'], nowMs: number): AppError {
  const all = operationTypes.flatMap((type) => denials[type] ?? []);
  const retryAtMs = smallest(all.map((denial) => denial.retryAtMs));
  const reasons = [...new Set(all.map(({ reason }) => reason))].join(', ');
  return new AppError('rate_limited', `No quota is free: ${reasons}.`, {
    retryAfterSeconds: Math.max(1, Math.ceil((retryAtMs - nowMs) / 1000)),
  });
}

function refusedReturn(
  outcome: string | undefined,
  id: string,
  { days, clock }: QuotaRoutesOptions,
): AppError {
  const today = days.dayOf(clock.now()).id;
  const isOld = outcome === 'other_day' || (/^\d{4}-\d\d-\d\d\./.test(id) && id.slice(0, 10) < today);
  if (isOld) return new AppError('conflict', 'The lease is of an earlier day, so nothing comes back.');
  if (outcome === 'too_much')
    return new AppError('invalid_request', 'spent: more than the lease granted; nothing is changed.');
  return new AppError('not_found', 'There is no such lease of this key, or it was returned already.');
}

function shownLease(lease: Lease): object {
  return {
    lease_id: lease.id,
    granted: { ...lease.amounts },
    per_second: perType((type) => Math.floor(lease.rates[type] * 1000) / 1000),
    starts_at: new Date(lease.startMs).toISOString(),
    expires_at: new Date(lease.endMs).toISOString(),
  };
}

function readLeaseRequest(body: unknown): {
  amounts: Operations;
  termSeconds: number;
  renewed: LeaseReturn | undefined;
} {
  const members = readMembers(body, [...operationTypes, 'ttl_s', 'renew']);
  const amounts = readAmounts(members);
  if (operationTypes.every((type) => amounts[type] === 0))
    throw new AppError('invalid_request', 'Say how many writes, reads or deletes are wanted.');
  const { ttl_s: ttl, renew } = members;
  const termSeconds = isEmpty(ttl) ? defaultLeaseSeconds : readInteger(ttl, 'ttl_s', 1, maxLeaseSeconds);
  if (isEmpty(renew)) return { amounts, termSeconds, renewed: undefined };
  const { lease_id: id, spent } = readMembers(renew, ['lease_id', 'spent']);
  if (typeof id !== 'string') throw expected('renew.lease_id', 'the id of a lease', id);
  return { amounts, termSeconds, renewed: { id, spent: readSpent({ spent }) } };
}

function readSpent(body: unknown): Operations {
  const { spent } = readMembers(body, ['spent']);
  return readAmounts(readMembers(spent, operationTypes));
}

function readAmounts(members: Record<string, unknown>): Operations {
  return perType((type) => {
    const value = members[type];
    return isEmpty(value) ? 0 : readInteger(value, type, 0, maxLeaseAmount);
  });
}

function readMembers(value: unknown, names: readonly string[]): Record<string, unknown> {
  if (!isObject(value)) throw expected('body', `an object with ${names.join(', ')}`, value);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new AppError('invalid_request', `Unknown field ${JSON.stringify(unknown.slice(0, 64))}.`);
  return value;
}

function readLimit(query: URLSearchParams): number {
  return queryInteger(query, 'limit', { most: maxWarnings, otherwise: 10 });
}
