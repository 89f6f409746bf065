import { inflateRawSync } from 'node:zlib';
import type { Recording } from './recording.ts';

type Found = Record<string, unknown>;

/**
 * Lists what a recording has: each stored form with its version and each of its members, as in `keys 1 role`. A form
 * that says no version has none.
 */
export function formsIn(recording: Recording): Set<string> {
  const found = new Set<string>();
  const note = (form: string, version: unknown, members: object): void => {
    for (const name of Object.keys(members)) found.add(`${form} ${String(version)} ${name}`);
  };
  for (const { data } of recording.tasks) noteCarrier(data, recording, note);
  for (const [name, { base64 }] of Object.entries(recording.objects)) {
    if (name.startsWith('bodies/')) continue;
    const value = JSON.parse(Buffer.from(base64, 'base64').toString('utf8')) as Found;
    if (name.startsWith('spool/')) {
      note('spool', value['version'], value);
      noteCarrier(value['data'] as Found, recording, note);
    } else if (name.startsWith('dead-letters/')) note('dead letter', value['version'], value);
    else if (name === 'control/keys.json') {
      const { version, keys } = value as { version: number; keys: Found[] };
      note('keys', version, value);
      for (const key of keys) note('key', version, key);
    } else note(name, value['version'], value);
  }
  for (const [path, fields] of Object.entries(recording.documents)) noteDocument(path, fields as Found, note);
  return found;
}

type Note = (form: string, version: unknown, members: object) => void;

function noteCarrier(data: Found, { objects }: Recording, note: Note): void {
  const { schema, events, object } = data;
  note('carrier', schema, data);
  for (const event of eventsIn(String(events ?? objects[String(object)]?.base64 ?? ''))) {
    note(`event ${String(event['kind'])}`, schema, event);
    for (const part of ['response', 'evaluation'])
      if (event[part] !== undefined) note(part, schema, event[part] as Found);
  }
}

/** The events in a carrier's contents. */
export function eventsIn(base64: string): Found[] {
  if (base64 === '') return [];
  const lines = inflateRawSync(Buffer.from(base64, 'base64')).toString('utf8').split('\n');
  return lines.map((line) => JSON.parse(line) as Found);
}

function noteDocument(path: string, fields: Found, note: Note): void {
  const collection = path.slice(0, path.indexOf('/'));
  if (collection === 'files') note('file', undefined, fields);
  if (collection === 'quota') {
    const ledger = JSON.parse(String(fields['ledger'])) as Found;
    note('ledger', ledger['version'], ledger);
    for (const lease of (ledger['leases'] ?? []) as Found[]) note('lease', ledger['version'], lease);
  }
  const stamps = fields['_sluice'] as { $bytes: string } | undefined;
  if (stamps === undefined) return;
  const meta = JSON.parse(Buffer.from(stamps.$bytes, 'base64').subarray(8).toString('utf8')) as Found;
  note(`stamps in ${collection}`, meta['v'], meta);
}
