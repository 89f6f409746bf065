import * as z from 'zod/mini';
import { count, moment } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { limit } from '../http/parameters.ts';
import type { ApiRequest, Route } from '../http/route.ts';
import { expecting, integer, members, optional, withDefault } from '../http/schema.ts';
import { smallest } from '../platform/arrays.ts';
import { AppError } from '../platform/errors.ts';
import type { Using } from '../platform/services.ts';
import type { QuotaDays } from './day.ts';
import { historyShown } from './historyReport.ts';
import { type Ledger, LedgerError, type LedgerOrder } from './ledgerDocument.ts';
import type { LedgerAnswer } from './ledgerRequest.ts';
import type { Lease } from './ledgerState.ts';
import { maxQuotaWarnings } from './limits.ts';
import { billedTypes, noOperations, perType } from './operations.ts';
import type { QuotaReader } from './reader.ts';
import type { Throttle } from './throttle.ts';

/** A proxy's lease: the most of each kind, and how long it lasts. */
const maxLeaseAmount = 1_000_000;
const maxLeaseSeconds = 3_600;
const defaultLeaseSeconds = 60;

interface QuotaRoutesOptions extends Using<'clock' | 'ids'> {
  ledger: Pick<Ledger, 'ask'>;
  reader: QuotaReader;
  days: QuotaDays;
  /** Hears what the ledger says of the day, and logs what was neared. */
  throttle: Pick<Throttle, 'learn'>;
}

/** Leases for proxies that write to Firestore themselves, and what operators see of the quota. */
export function quotaRoutes(options: QuotaRoutesOptions): Route[] {
  return [takeLease(options), returnLease(options), showQuota(options), showWarnings(options)];
}

const proxies = { path: '/v1/quota/leases', access: ['ingest'] } as const;

function takeLease(options: QuotaRoutesOptions): Route {
  const { clock, days, ids } = options;
  return defineRoute({
    method: 'POST',
    ...proxies,
    body: leaseWanted,
    summary: 'Grants a share of the quota to a proxy; with `renew` in the place of one that it returns',
    example: () => ({ writes: 3000, reads: 500, ttl_s: 60 }),
    answers: () => ({ 201: leaseShown() }),
    refusals: ['not_found', 'conflict'],
    handle: async ({ body: { ttl_s: termSeconds, renew, ...amounts } }, request) => {
      if (billedTypes.every((type) => amounts[type] === 0))
        throw new AppError('invalid_request', 'Say how many writes, reads or deletes are wanted.');
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
      const returns = renew === undefined ? [] : [{ id: renew.lease_id, spent: renew.spent }];
      const { lease, denials, returned } = await ask(options, request, { returns, wanted });
      if (lease !== undefined) return { status: 201, json: shownLease(lease) };
      if (renew !== undefined && returned[0] !== 'pending')
        throw refusedReturn(returned[0], renew.lease_id, options);
      throw denied(denials, nowMs);
    },
  });
}

function returnLease(options: QuotaRoutesOptions): Route {
  return defineRoute({
    method: 'DELETE',
    ...proxies,
    path: `${proxies.path}/:lease_id`,
    params: () => z.object({ lease_id: z.string() }),
    body: () => optional(members({ spent: members(amounts()) })),
    summary: 'Returns what is left of a lease; without a body nothing is',
    example: () => ({ spent: { writes: 1200 } }),
    answers: () => ({ 204: {} }),
    refusals: ['not_found', 'conflict'],
    handle: async ({ params: { lease_id: id }, body }, request) => {
      const { returned } = await ask(options, request, { returns: [{ id, spent: body?.spent ?? 'all' }] });
      if (returned[0] === 'pending') {
        const message = 'Nothing can be recorded before the daily reset; nothing is changed.';
        throw new AppError('unavailable', message);
      }
      if (returned[0] !== 'credited') throw refusedReturn(returned[0], id, options);
      return { status: 204 };
    },
  });
}

function showQuota({ reader }: QuotaRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/quota',
    access: ['read'],
    summary: 'What was used of the quota, the limits, and what is near them',
    answers: () => ({ 200: reportShown() }),
    handle: async () => ({ status: 200, json: await orUnavailable(reader.report()) }),
  });
}

function showWarnings({ reader }: QuotaRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    path: '/v1/warnings',
    access: ['read'],
    query: () => z.object({ limit: limit({ most: maxQuotaWarnings, otherwise: 10 }) }),
    summary: 'The latest warnings of the quota',
    answers: () => ({ 200: z.object({ warnings: z.array(z.looseObject({})) }) }),
    handle: async ({ query }) => ({
      status: 200,
      json: { warnings: await orUnavailable(reader.warnings(query.limit)) },
    }),
  });
}

/** Asks in the name of the caller's key: all proxies that share it are one holder. */
async function ask(
  { ledger, throttle, clock }: QuotaRoutesOptions,
  { caller }: ApiRequest,
  order: Pick<LedgerOrder, 'returns' | 'wanted'>,
): Promise<LedgerAnswer> {
  const holder = `key:${caller.keyId}`;
  const answer = await orUnavailable(ledger.ask({ ...order, holder, kind: 'proxy', use: [], multiplier: 1 }));
  throttle.learn(answer, clock.now());
  return answer;
}

async function orUnavailable<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work;
  } catch (cause) {
    if (!(cause instanceof LedgerError)) throw cause;
    throw new AppError('unavailable', 'The quota ledger does not answer; nothing is granted.', { cause });
  }
}

function denied(denials: LedgerAnswer['denials'], nowMs: number): AppError {
  const all = billedTypes.flatMap((type) => denials[type] ?? []);
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

function leaseShown() {
  const shares = { granted: z.object(perType(count)), per_second: z.object(perType(() => z.number())) };
  return z.object({ lease_id: z.string(), ...shares, starts_at: moment(), expires_at: moment() });
}

function reportShown() {
  const figures = z.looseObject({});
  const parts = { current_usage: figures, quota_limits: figures, rate_limits: figures, throttling: figures };
  return z.looseObject({
    ...parts,
    history: historyShown(),
    warnings: z.array(figures),
    last_reset: moment(),
    next_reset: moment(),
  });
}

/** A lease that a proxy asks for. */
function leaseWanted() {
  return members({
    ...amounts(),
    ttl_s: withDefault(integer(1, maxLeaseSeconds), defaultLeaseSeconds),
    renew: optional(
      members({ lease_id: z.string(expecting('the id of a lease')), spent: members(amounts()) }),
    ),
  });
}

/** Numbers of operations, by type. */
function amounts() {
  return perType(() => withDefault(integer(0, maxLeaseAmount), 0));
}
