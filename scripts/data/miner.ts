import { maxMinerUid } from '../../functions/src/keys/limits.ts';
import { callApi } from './api.ts';
import type { Cloud } from './cloud.ts';
import { pathOf, plainValue, type StoredDocument, type StoredValue } from './documents.ts';

/** A miner, by its uid; with a hotkey only what it sent as that one, as a uid goes from miner to miner. */
export interface Miner {
  uid: number;
  hotkey?: string | undefined;
}

/** The uid in an argument. Throws Error for what is none. */
export function parseUid(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > maxMinerUid)
    throw new Error(`--miner: expected a uid from 0 to ${maxMinerUid}, got ${text}.`);
  return Number(text);
}

/** A key as `GET /v1/keys` shows it. */
interface ShownKey {
  id: string;
  role: string;
  uids?: number[];
  hotkeys?: string[];
}

/** A miner's keys: its own, and those that speak for others too. */
export async function keysOf(
  cloud: Pick<Cloud, 'base' | 'key'>,
  { uid, hotkey }: Miner,
): Promise<{ own: ShownKey[]; shared: ShownKey[] }> {
  const { keys } = await callApi<{ keys: ShownKey[] }>(cloud, 'GET', '/v1/keys');
  const speaking = keys.filter(
    ({ role, uids, hotkeys }) =>
      role === 'miner' && (uids?.includes(uid) || (hotkey !== undefined && hotkeys?.includes(hotkey))),
  );
  const isOwn = ({ uids, hotkeys }: ShownKey): boolean =>
    uids?.every((each) => each === uid) === true &&
    (hotkey === undefined || hotkeys?.every((each) => each === hotkey) === true);
  return { own: speaking.filter(isOwn), shared: speaking.filter((key) => !isOwn(key)) };
}

/** A part of a task's document that is a miner's answer. */
interface StoredAnswer {
  /** The names that lead to it. */
  field: string;
  value: StoredValue;
  plain: Record<string, unknown>;
}

/** The miner's answers in a task's document, also where another system keeps them as a list. */
export function answersIn(document: StoredDocument, miner: Miner): StoredAnswer[] {
  return ['miner_responses', 'superseded_responses'].flatMap((name) => {
    const { mapValue, arrayValue } = document.fields?.[name] ?? {};
    const entries: [string, StoredValue][] = mapValue
      ? Object.entries(mapValue.fields ?? {})
      : (arrayValue?.values ?? []).map((value) => [String(plainOf(value)['miner_uid']), value]);
    return entries
      .filter(([uid, value]) => Number(uid) === miner.uid && isOfHotkey(plainOf(value), miner))
      .map(([uid, value]) => ({ field: `${name}.${uid}`, value, plain: plainOf(value) }));
  });
}

/** The evaluations in a task's document that name the miner: by its uid, its hotkey, or one that it answered with. */
export function evaluationsNaming(
  document: StoredDocument,
  miner: Miner,
  answers: readonly StoredAnswer[],
): { field: string; value: StoredValue }[] {
  const hotkeys = answers.flatMap(({ plain }) => plain['hotkey'] ?? []);
  const fields = document.fields?.['evaluations']?.mapValue?.fields ?? {};
  return Object.entries(fields)
    .filter(([, value]) => doesName(plainValue(value), miner, new Set([miner.hotkey, ...hotkeys])))
    .map(([validator, value]) => ({ field: `evaluations.${validator}`, value }));
}

/** True for an event, of whatever version, that is the miner's answer, or the document of a file that its key made. */
export function isMiners(event: unknown, miner: Miner, keyIds: ReadonlySet<string>): boolean {
  const { response, path, data } = Object(event) as Record<string, unknown>;
  if (isRecord(response)) return response['miner_uid'] === miner.uid && isOfHotkey(response, miner);
  return String(path).startsWith('files/') && isRecord(data) && keyIds.has(String(data['made_by']));
}

/** Ids of files that a value names, as Sluice and miners name them: as `file_id`, or by their address. */
export function namedFiles(value: unknown): Set<string> {
  const found = new Set<string>();
  const text = JSON.stringify(value) ?? '';
  for (const [, id = ''] of text.matchAll(/file_id\\*":\s*\\*"([0-9a-f-]{36})/g)) found.add(id);
  for (const [, id = ''] of text.matchAll(/\/files\/([0-9a-f-]{36})/g)) found.add(id);
  return found;
}

/** The task of a document. */
export function idOf(document: StoredDocument): string {
  return pathOf(document).split('/').at(-1) ?? '';
}

function isOfHotkey(answer: Record<string, unknown>, { hotkey }: Miner): boolean {
  return hotkey === undefined || answer['hotkey'] === hotkey;
}

function doesName(value: unknown, miner: Miner, hotkeys: ReadonlySet<unknown>): boolean {
  if (typeof value === 'string') return hotkeys.has(value) || jsonNames(value, miner, hotkeys);
  if (Array.isArray(value)) return value.some((inner) => doesName(inner, miner, hotkeys));
  if (!isRecord(value)) return false;
  if (miner.hotkey === undefined && Number(value['miner_uid'] ?? Number.NaN) === miner.uid) return true;
  return Object.values(value).some((inner) => doesName(inner, miner, hotkeys));
}

/** True where a text is JSON that names the miner: Firestore has no other form for some values. */
function jsonNames(text: string, miner: Miner, hotkeys: ReadonlySet<unknown>): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    return doesName(JSON.parse(text), miner, hotkeys);
  } catch {
    return false;
  }
}

function plainOf(value: StoredValue): Record<string, unknown> {
  const plain = plainValue(value);
  return isRecord(plain) ? plain : {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
