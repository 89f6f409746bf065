export type { Clock } from './clock.ts';
export * from './errors.ts';
export { Sluice, type SluiceOptions } from './sluice.ts';
export type * from './types.ts';
export { DELETE_FIELD, SERVER_TIMESTAMP } from './values.ts';
