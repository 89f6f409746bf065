import { storageBucket } from 'firebase-functions/params';
import { storageMs, storagePutMs } from '../files/limits.ts';
import { cloudObjects } from '../platform/cloudStorage.ts';
import { once } from '../platform/once.ts';
import { clock, storage } from './base.ts';

/** The bucket with the patience that files have. */
export const fileObjects = once(() =>
  cloudObjects(storageBucket.value(), { clock, limitMs: storageMs, putMs: storagePutMs }, storage),
);
