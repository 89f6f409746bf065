import { randomBytes } from 'node:crypto';
import * as z from 'zod/mini';
import { moment, textLike } from '../http/answers.ts';
import { defineRoute } from '../http/defineRoute.ts';
import { roles } from '../http/roles.ts';
import type { Route } from '../http/route.ts';
import { expecting, integer, members, oneOf, optional, type Schema, text } from '../http/schema.ts';
import { AppError } from '../platform/errors.ts';
import type { Using } from '../platform/services.ts';
import { type AnyKey, isKnown, type KeyRecord, keyDigest } from './keyRecord.ts';
import type { KeyStore } from './keyStore.ts';
import { maxBound, maxHotkeyLength, maxMinerUid } from './limits.ts';

interface KeysRoutesOptions extends Using<'clock' | 'ids'> {
  keys: Pick<KeyStore, 'list' | 'add' | 'remove'>;
  /** A new key: at least 128 random bits in the characters of a URL. */
  newKey?: () => string;
}

const randomKey = (): string => `sluice_${randomBytes(24).toString('base64url')}`;

/** Making, listing and revoking keys, for admins. */
export function keysRoutes(options: KeysRoutesOptions): Route[] {
  return [makeKey(options), listKeys(options), revokeKey(options)];
}

const collection = { path: '/v1/keys', access: [] } as const;

function makeKey({ keys, clock, ids, newKey = randomKey }: KeysRoutesOptions): Route {
  return defineRoute({
    method: 'POST',
    ...collection,
    body: wanted,
    summary:
      'Makes a key, which is shown this once; `uids` binds one of role miner or validator, `hotkeys` too a miner’s',
    example: () => ({ role: 'miner', uids: [7], label: 'miner 7' }),
    answers: () => ({ 201: keyShown({ key: textLike('sluice_…') }) }),
    refusals: ['conflict', 'incomplete_binding'],
    handle: async ({ body }) => {
      const { role, uids, hotkeys, label } = body;
      checkBinding(body);
      const key = newKey();
      const record: KeyRecord = {
        id: ids.uuid(),
        role,
        ...(uids && { uids }),
        ...(hotkeys && { hotkeys }),
        ...(label && { label }),
        sha256: keyDigest(key).toString('hex'),
        created_at: new Date(clock.now()).toISOString(),
      };
      await keys.add(record);
      return { status: 201, json: { ...shown(record), key } };
    },
  });
}

function listKeys({ keys }: KeysRoutesOptions): Route {
  return defineRoute({
    method: 'GET',
    ...collection,
    summary:
      'Lists the keys, without themselves; those of the secret are not `revocable`, `current` is the one that asks',
    answers: () => {
      const told = { revocable: z.boolean(), current: z.boolean() };
      return { 200: z.object({ keys: z.array(keyShown(told)) }) };
    },
    handle: async (_, { caller }) => {
      const { first, stored } = await keys.list();
      const toldOf = (revocable: boolean) => (key: AnyKey) => ({
        ...shown(key),
        revocable,
        current: key.id === caller.keyId,
      });
      return { status: 200, json: { keys: [...first.map(toldOf(false)), ...stored.map(toldOf(true))] } };
    },
  });
}

function revokeKey({ keys }: KeysRoutesOptions): Route {
  return defineRoute({
    method: 'DELETE',
    path: '/v1/keys/:key_id',
    access: [],
    params: () => z.object({ key_id: z.string() }),
    summary: 'Revokes a key',
    answers: () => ({ 204: {} }),
    refusals: ['not_found', 'conflict'],
    handle: async ({ params }) => {
      if (await keys.remove(params.key_id)) return { status: 204 };
      throw new AppError('not_found', 'There is no key of this id.');
    },
  });
}

/** A key that is asked for. */
function wanted() {
  return members({
    role: oneOf(roles),
    uids: optional(bound(integer(0, maxMinerUid), `integers from 0 to ${maxMinerUid}`)),
    hotkeys: optional(bound(text(maxHotkeyLength), 'texts')),
    label: optional(text(100)),
  });
}

function bound<Item>(item: Schema<Item>, items: string): Schema<Item[]> {
  const list = expecting(`a list of ${items}`);
  return z.array(item, list).check(z.minLength(1, list), z.maxLength(maxBound, list));
}

function checkBinding({ role, uids, hotkeys }: z.output<ReturnType<typeof wanted>>): void {
  const isBindable = role === 'miner' || (role === 'validator' && hotkeys === undefined);
  if (!isBindable && (uids !== undefined || hotkeys !== undefined)) {
    throw new AppError(
      'invalid_request',
      'uids bind keys of role miner or validator, hotkeys of role miner only.',
    );
  }
  if (hotkeys !== undefined && uids === undefined) {
    const message =
      'uids: a key with hotkeys needs them too, since a hotkey does not say for which miner it speaks.';
    throw new AppError('incomplete_binding', message);
  }
}

/** A key as answers show it: of a role of another version nothing that may be secret there. */
function shown(key: AnyKey): Omit<KeyRecord, 'sha256' | 'role'> & { role: string } {
  if (!isKnown(key)) return { id: key.id, role: key.role };
  const { sha256: _, ...record } = key;
  return record;
}

function keyShown(beside: Readonly<Record<string, Schema>> = {}): Schema {
  return z.object({
    id: z.string(),
    role: textLike('miner'),
    uids: z.optional(z.array(z.int())),
    hotkeys: z.optional(z.array(z.string())),
    label: z.optional(z.string()),
    created_at: z.optional(moment()),
    ...beside,
  });
}
