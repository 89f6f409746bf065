import { nextTickMs } from '../platform/clock.ts';

/**
 * Deliveries wait for others until so long none came, and no longer than `maxGatherMs` in all: what is due at one tick
 * is dispatched within milliseconds, 500 a second (index.ts), and an instance that waits alone is paid for.
 */
export const gatherQuietMs = 50;
export const maxGatherMs = 300;

/**
 * The time from a tick until what was due then is gathered, committed and seen. Together with the tick of 5 s a
 * completed task is seen within 7 s.
 */
const visibleAfterTickMs = 1_300;

/** The next moment at which a flush has just written: then a waiter looks. */
export function nextVisibleMs(nowMs: number, tickMs: number): number {
  return nextTickMs(nowMs - visibleAfterTickMs, tickMs) + visibleAfterTickMs;
}

/** Deliveries handled together: as many as the queue dispatches at once (index.ts). */
export const maxGatheredCarriers = 400;

/**
 * Unfolded bytes handled together, of which each takes some seven in memory while its event is worked on, and taken
 * on at once; what comes on top goes back unopened, to come at such a rate. A carrier of more than is handled
 * together goes on as two.
 */
export const maxGatheredBytes = 10 * 1024 * 1024;
export const maxHeldBytes = 48 * 1024 * 1024;
export const backlogBytesPerSecond = 4 * 1024 * 1024;

/**
 * Bytes, as sent, of events remembered that wait in the queue, taken from the room for carriers; and of the keys of
 * those that were written before their carrier came.
 */
export const maxRememberedBytes = 16 * 1024 * 1024;
export const maxWrittenBytes = 8 * 1024 * 1024;

/** Carriers opened at once, and how long one may take to be fetched, or put back. */
export const openedAtOnce = 16;
export const openMs = 8_000;

/** Bytes that each byte of a carrier which does not say is taken to unfold to. */
export const unfoldingGuess = 8;

/**
 * Documents in one commit, and bytes, under the 10 MiB of a request (https://cloud.google.com/firestore/quotas#limits).
 */
export const maxCommitDocuments = 400;
export const maxCommitBytes = 8_000_000;

/**
 * Documents read in one call, calls at once, and bytes after which those read are written before others are.
 * Some are under way by then: with documents as large as Firestore has them that is too much, and their carrier
 * is halved (isolation.ts).
 */
export const maxReadDocuments = 100;
export const readsInFlight = 2;
export const maxReadBytes = 16 * 1024 * 1024;

/**
 * Documents read before those are written, twice as many each time: what is read and then finds no quota was read for
 * nothing. After reads were short so few that, at one a second, they can be read again in time (`workerMaxWaitMs`).
 */
export const usualFirstReads = maxReadDocuments;
export const fewFirstReads = 4;

/** At most so many for each document that a commit may hold, which is a tenth of a second's writes (`burstMs`). */
export const readsPerWrite = 10;

/** Documents of which is known at once what becomes of them, some 7 KB each: four commits. */
export const maxRoundDocuments = 1_600;

/** Commits under way at once, and single-document ones after a conflict. */
export const commitsInFlight = 6;
export const singleCommitsInFlight = 20;

/** Plans after which no more events are told apart that break our own code; the others wait for the next flush. */
export const maxPlansApart = 1_000;

/** Commits that an outage ends, with none between them that is done, after which no more begin in this flush. */
export const maxOutagesInRow = 2 * commitsInFlight;

/** Times a document is read again and written after somebody else wrote it meanwhile. */
export const maxConflictAttempts = 5;

/**
 * Deliveries are answered within 60 s: what is not committed so long after the first of them came is carried. Those
 * that came while another flush was under way have at least `leastCommitMs`.
 */
export const commitDeadlineMs = 40_000;
export const leastCommitMs = 17_000;

/**
 * The work after the commits may take so long in all, and the carries after it, in which one attempt at each service
 * fits; a single plan may wait so long for bodies and dead letters that it moves to Cloud Storage.
 */
export const followUpMs = 10_000;
export const carryMs = 8_000;
export const planMs = 5_000;

/** Events in one flush that become dead letters without a try: so many that `followUpMs` are enough. */
export const maxDeadTogether = 2_000;

/** Dead letters kept at once. */
export const lettersAtOnce = 8;

/** Dead letters at once that one plan makes: thousands within `planMs`. */
export const plannedLettersAtOnce = 50;

/** Calls at once that follow the commits, and documents planned at once. */
export const followUpsAtOnce = 20;

/** Commits that would begin later than this before the deadline do not, as they may have to wait for their turn. */
export const quotaMarginMs = 15_000;

/** A carrier this much before its time says that schedule times are ignored (the official emulator). */
export const earlyMs = 2_000;

/**
 * Deliveries before one whose attempts are counted: from the third on. Cloud Tasks counts those too that never reached
 * the code (https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler, X-CloudTasks-TaskRetryCount).
 */
export const markedFromRetry = 2;

/** The time that counting may take Cloud Storage, and for which nothing is counted after it failed. */
export const marksTimeoutMs = 2_500;
export const marksPauseMs = 10_000;

/** Attempts at a carrier that broke off before it is split; at one that is suspect already. */
export const splitAfterBroken = 2;
export const splitSuspectAfterBroken = 1;

/** Attempts at a single event that broke off before it is given up; at a carrier that cannot even be opened. */
export const deadAfterBroken = 10;
export const deadUnopenedAfterBroken = 13;

/**
 * Times that our own code breaks on an event before it is given up; the first pause, twice as long
 * each time: half an hour.
 */
export const maxTries = 6;
export const firstTryPauseMs = 60_000;

/** Documents that one line of the log names. */
export const maxLoggedPaths = 100;

/** Dead letters of such events in one flush. */
export const maxLettersTogether = 500;

/**
 * Longest wait of a delivery for its turn: `leastCommitMs`, `followUpMs` and `carryMs` later it
 * is answered, within 60 s.
 */
export const maxTurnWaitMs = 25_000;

/** Events older than this may meet a deletion that is forgotten, so they are not applied. */
export const maxEventAgeMs = 45 * 86_400_000;

/**
 * Pauses between looks at what another version wrote, and how long it may wait: Cloud Tasks
 * keeps a carrier for 31 days.
 */
export const minUnreadWaitMs = 60_000;
export const maxUnreadWaitMs = 3_600_000;
export const maxUnreadMs = 30 * 86_400_000;

/**
 * Longest pause after Firestore failed; after it said that its quota is used up, which a part of the
 * work may fit into again.
 */
export const maxParkMs = 60_000;
export const maxExhaustedParkMs = 15_000;

/**
 * The memory of a snapshot, by its document's size in the database: the state and the fields, measured with tasks of
 * 300 to 600 bytes (2 and 4 KB).
 */
export function snapshotBytes(documentBytes: number): number {
  return 1_500 + 4 * documentBytes;
}
