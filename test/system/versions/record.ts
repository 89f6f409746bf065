/**
 * Prints a recording of what this code writes:
 * `node test/system/versions/record.ts > test/system/versions/golden/NUMBER.json`.
 */
import { later } from './later.ts';
import { record } from './recording.ts';

process.stdout.write(`${JSON.stringify(await record(later), null, 1)}\n`);
