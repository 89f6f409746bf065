/**
 * A process that serves Firestore alone, so that its memory and its work are its own. Sends its port when it is ready,
 * then answers each message with the milliseconds that it computed so far.
 */
import { join } from 'node:path';
import { indexesOf, startFirestore } from '../../local/firestore/index.ts';
import { OffsetClock } from '../../local/shared/clock.ts';
import { Faults } from '../../local/shared/faults.ts';

const clock = new OffsetClock();
const indexes = indexesOf(join(import.meta.dirname, '../../firebase.json'));
const local = await startFirestore({ port: 0, clock, faults: new Faults(clock), indexes });
process.send?.(local.port);
process.on('message', () => process.send?.(process.cpuUsage().user / 1000));
