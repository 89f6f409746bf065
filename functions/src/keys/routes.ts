import { randomBytes } from 'node:crypto';
import { isObject, readJson } from '../http/body.ts';
import { isEmpty } from '../http/fields.ts';
import { type ApiRequest, type ApiResponse, type Route, roles } from '../http/route.ts';
import type { Clock } from '../platform/clock.ts';
import { AppError } from '../platform/errors.ts';
import type { Ids } from '../platform/ids.ts';
import { isHotkeys, isRole, isUids, type KeyRecord, keyDigest } from './keyRecord.ts';
import type { KeyStore } from './keyStore.ts';

export interface KeysRoutesOptions {
  keys: Pick<KeyStore, 'list' | 'add' | 'remove'>;
  clock: Clock;
  ids: Ids;
  /** A new key: at least 128 random bits in the characters of a URL. */
  newKey?: () => string;
}

const randomKey = (): string => `sluice_${randomBytes(24).toString('base64url')}`;
const members = ['role', 'uids', 'hotkeys', 'label'];

/** Making, listing and revoking keys, for admins. */
export function keysRoutes({ keys, clock, ids, newKey = randomKey }: KeysRoutesOptions): Route[] {
  const make = async (request: ApiRequest): Promise<ApiResponse> => {
    const wanted = readWanted(readJson(request));
    const key = newKey();
    const record: KeyRecord = {
      id: ids.uuid(),
      ...wanted,
      sha256: keyDigest(key).toString('hex'),
      created_at: new Date(clock.now()).toISOString(),
    };
    await keys.add(record);
    return { status: 201, json: { ...shown(record), key } };
  };
  const list = async (): Promise<ApiResponse> => ({
    status: 200,
    json: { keys: (await keys.list()).map(shown) },
  });
  const revoke = async (request: ApiRequest): Promise<ApiResponse> => {
    if (await keys.remove(request.params['id'] ?? '')) return { status: 204 };
    throw new AppError('not_found', 'There is no key of this id.');
  };
  return [
    { method: 'POST', path: '/v1/keys', access: [], handle: make },
    { method: 'GET', path: '/v1/keys', access: [], handle: list },
    { method: 'DELETE', path: '/v1/keys/:id', access: [], handle: revoke },
  ];
}

function readWanted(body: unknown): Pick<KeyRecord, 'role' | 'uids' | 'hotkeys' | 'label'> {
  const wrong = (message: string): AppError => new AppError('invalid_request', message);
  if (!isObject(body)) throw wrong('The body is not a JSON object.');
  const unknown = Object.keys(body).find((name) => !members.includes(name));
  if (unknown !== undefined) throw wrong(`Unknown field ${JSON.stringify(unknown.slice(0, 64))}.`);
  const given = (name: string): unknown => (isEmpty(body[name]) ? undefined : body[name]);
  const [role, uids, hotkeys, label] = ['role', 'uids', 'hotkeys', 'label'].map(given);
  if (!isRole(role)) throw wrong(`role: expected one of ${roles.join(', ')}.`);
  if (role !== 'miner' && (uids !== undefined || hotkeys !== undefined)) {
    throw wrong('uids and hotkeys bind keys of role miner only.');
  }
  if (uids !== undefined && !isUids(uids)) throw wrong('uids: expected a list of integers from 0 to 65535.');
  if (hotkeys !== undefined && !isHotkeys(hotkeys)) throw wrong('hotkeys: expected a list of texts.');
  if (hotkeys !== undefined && uids === undefined) {
    const message =
      'uids: a key with hotkeys needs them too, since a hotkey does not say for which miner it speaks.';
    throw new AppError('incomplete_binding', message);
  }
  if (label !== undefined && (typeof label !== 'string' || label.length > 100)) {
    throw wrong('label: expected a text of at most 100 characters.');
  }
  return {
    role,
    ...(uids === undefined ? {} : { uids }),
    ...(hotkeys === undefined ? {} : { hotkeys }),
    ...(label === undefined ? {} : { label }),
  };
}

function shown({ sha256: _, ...record }: KeyRecord): Omit<KeyRecord, 'sha256'> {
  return record;
}
