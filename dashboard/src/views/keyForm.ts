import type { Role } from '../../../functions/src/http/roles.ts';
import { maxBound, maxMinerUid as maxUid } from '../../../functions/src/keys/limits.ts';
import { counted } from '../ui/format.ts';

/** A key as `GET /v1/keys` lists it. */
export interface ListedKey {
  id: string;
  role: string;
  uids?: number[];
  hotkeys?: string[];
  label?: string;
  created_at?: string;
  /** False for those of the secret. */
  revocable?: boolean;
  /** True for the key of this session. */
  current?: boolean;
}

/** A key just made, with itself. */
export type NewKey = ListedKey & { key: string };

export const rightsOf: Readonly<Record<Role, string>> = {
  miner: 'sends answers and files, polls its tasks',
  validator: 'reads completed tasks, sends evaluations',
  ingest: 'sends answers, tasks, operations and files',
  proxy: 'what ingest and read may, flush and cleanup too',
  read: 'sees status, tasks and files, changes nothing',
  admin: 'everything, keys included',
};

/** The form as it is filled in. */
export interface KeyFields {
  role: Role;
  label: string;
  /** `7, 9, 20-29` */
  uids: string;
  /** Hotkeys between spaces, commas or line ends. */
  hotkeys: string;
}

export const noFields: KeyFields = { role: 'miner', label: '', uids: '', hotkeys: '' };

interface WantedKey {
  role: Role;
  label?: string;
  uids?: number[];
  hotkeys?: string[];
}

/** True where a key of the role may be bound to uids, or hotkeys. */
export function isBindable(role: Role, to: 'uids' | 'hotkeys'): boolean {
  return role === 'miner' || (role === 'validator' && to === 'uids');
}

/** The body of `POST /v1/keys`, or the field that is wrong with the reason. The server judges the rest. */
export function wantedKey(
  fields: KeyFields,
): { wanted: WantedKey } | { field: 'uids' | 'hotkeys'; message: string } {
  const { role } = fields;
  const label = fields.label.trim();
  const uids = isBindable(role, 'uids') ? uidsOf(fields.uids) : [];
  if (typeof uids === 'string') return { field: 'uids', message: uids };
  const hotkeys = isBindable(role, 'hotkeys') ? wordsOf(fields.hotkeys) : [];
  if (hotkeys.length > 0 && uids.length === 0) {
    return {
      field: 'uids',
      message: 'A key with hotkeys needs uids too: a hotkey does not say for which miner it speaks.',
    };
  }
  if (hotkeys.length > maxBound) return { field: 'hotkeys', message: `At most ${maxBound} hotkeys.` };
  return {
    wanted: {
      role,
      ...(label === '' ? {} : { label }),
      ...(uids.length === 0 ? {} : { uids }),
      ...(hotkeys.length === 0 ? {} : { hotkeys }),
    },
  };
}

/** Numbers and ranges of them, each once; a text says what is wrong. */
function uidsOf(text: string): number[] | string {
  const uids = new Set<number>();
  for (const word of wordsOf(text)) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from <= to && to <= maxUid))
      return `${word} is no uid: numbers from 0 to ${maxUid}, or ranges like 20-29.`;
    for (let uid = from; uid <= to; uid += 1) uids.add(uid);
    if (uids.size > maxBound) return `At most ${maxBound} uids.`;
  }
  return [...uids];
}

function wordsOf(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}

/** Miners for which a key speaks: `miners 7, 9, 20-29`, cut where they are many; undefined where it is not bound. */
export function boundTo({ uids, hotkeys }: Pick<ListedKey, 'uids' | 'hotkeys'>): string | undefined {
  const parts: string[] = [];
  if (uids !== undefined) parts.push(`${uids.length === 1 ? 'uid' : 'uids'} ${someOf(rangesOf(uids))}`);
  if (hotkeys !== undefined) parts.push(counted(hotkeys.length, 'hotkey'));
  return parts.length === 0 ? undefined : parts.join(', ');
}

function rangesOf(uids: readonly number[]): string[] {
  const ranges: [first: number, last: number][] = [];
  for (const uid of [...uids].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && uid <= range[1] + 1) range[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`));
}

function someOf(texts: readonly string[]): string {
  const shown = texts.slice(0, 6).join(', ');
  return texts.length > 6 ? `${shown} and more` : shown;
}

/** Keys in which each word of a search is found: in id, role, label or uids. */
export function foundKeys(keys: readonly ListedKey[], search: string): ListedKey[] {
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  return keys.filter((key) => {
    const text = [key.id, key.role, key.label, ...(key.uids ?? []), ...(key.hotkeys ?? [])]
      .join(' ')
      .toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The name by which a person knows a key. */
export function nameOf({ label, id }: Pick<ListedKey, 'label' | 'id'>): string {
  return label === undefined || label === '' ? id : label;
}
