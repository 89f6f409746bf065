import { eventLine } from '../events/carrier.ts';
import { messageOf } from '../platform/errors.ts';
import { isOwnFault } from './apart.ts';
import { addTo } from './intake.ts';
import { arrivedOf, carriersOf, comeAgain, type Run, triesOf, type Work } from './run.ts';
import { type Broken, type FlushParts, requeueBroken, requeueUnreadLines } from './waiting.ts';

/**
 * The work that is left of events which are not written, and will not be by trying again soon; notes what comes again
 * and which lines wait for another version.
 */
export function unwritten(parts: FlushParts, run: Run): Work[][] {
  return [dead(parts, run), refused(parts, run), unread(parts, run), broken(parts, run)];
}

/** Keeps what came dead. */
function dead({ deadLetters }: FlushParts, { intake, failures }: Run): Work[] {
  return intake.dead.map(({ letter, from }) => ({
    work: () => deadLetters.keep(letter),
    failed: (error) => failures.set(from, error),
  }));
}

/** Keeps dead letters of what Firestore refused; what Cloud Storage does not take waits. */
function refused({ deadLetters, logger }: FlushParts, run: Run): Work[] {
  const { results, toCarry } = run;
  const found = results.filter((result) => result.outcome === 'refused');
  return found.flatMap(({ events, error: { message: detail, cause } }) =>
    arrivedOf(run, events).map((event) => ({
      work: () => deadLetters.keep({ reason: 'refused_by_firestore', detail, cause, content: { event } }),
      failed: (error) => {
        logger.warn('A dead letter is not kept yet', { reason: messageOf(error) });
        toCarry.push(event);
      },
    })),
  );
}

/** Lets wait what this version cannot read, and what is for documents that it cannot read. */
function unread(parts: FlushParts, run: Run): Work[] {
  const { results, failures } = run;
  const { unread: lines } = run.intake;
  for (const result of results) {
    if (result.outcome !== 'unread') continue;
    for (const event of result.events) {
      const [from] = carriersOf(run, event);
      if (from !== undefined) addTo(lines, from, { unknown: eventLine(event), reason: result.detail });
    }
  }
  return [...lines].map(([carrier, ofCarrier]) => ({
    work: () => requeueUnreadLines(parts, carrier, ofCarrier),
    failed: (error) => failures.set(carrier, error),
  }));
}

/**
 * Lets suspects wait, by how often our code broke on them, this time included. Where a service failed,
 * their deliveries come again.
 */
function broken(parts: FlushParts, run: Run): Work[] {
  const byTries = new Map<number, Broken[]>();
  for (const result of run.results) {
    if (result.outcome !== 'broken') continue;
    const { error, events } = result;
    if (!isOwnFault(error)) {
      comeAgain(run, events)(error);
      continue;
    }
    for (const event of arrivedOf(run, events)) addTo(byTries, 1 + triesOf(run, event), { event, error });
  }
  return [...byTries].map(([tries, ofTries]) => {
    const events = ofTries.map(({ event }) => event);
    return { work: () => requeueBroken(parts, tries, ofTries), failed: comeAgain(run, events) };
  });
}
