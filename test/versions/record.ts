/** Prints a recording of what this code writes: `node test/versions/record.ts > test/versions/golden/NUMBER.json`. */
import { later } from './later.ts';
import { record } from './recording.ts';

process.stdout.write(`${JSON.stringify(await record(later), null, 1)}\n`);
