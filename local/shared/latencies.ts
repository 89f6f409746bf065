/** Milliseconds that a service takes for a call, by service and method; `*`: every other method. */
export type Latencies = Readonly<Record<string, Readonly<Record<string, number>>>>;

/**
 * Typical of calls within a region. They decide how many billed units of 100 ms an instance is open, so they are in the
 * bill of `npm start` and of the benchmarks; tests do without them.
 */
export const typicalLatencies: Latencies = {
  tasks: { CreateTask: 20, '*': 15 },
  storage: { GET: 30, '*': 40 },
  firestore: { Commit: 15, BatchWrite: 15, RunQuery: 15, '*': 10 },
};
