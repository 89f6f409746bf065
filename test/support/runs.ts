/**
 * Options of a property's run: always the same values, so that a failure is one for everybody; FC_SEED tries others. A
 * failure prints its seed and the smallest example.
 */
export function runs(numRuns = 100): { numRuns: number; seed: number } {
  return { numRuns, seed: Number(process.env['FC_SEED'] ?? 1) };
}
