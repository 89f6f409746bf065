export type { Clock } from './clock.ts';
export * from './errors.ts';
export type { Source, UploadOptions } from './files.ts';
export type { Lease, LeaseCounts } from './leases.ts';
export { Sluice, type SluiceOptions } from './sluice.ts';
export type * from './types.ts';
export { DELETE_FIELD, SERVER_TIMESTAMP } from './values.ts';
