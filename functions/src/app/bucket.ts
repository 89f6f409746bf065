import { storageBucket } from 'firebase-functions/params';
import { cloudFiles } from '../platform/cloudFiles.ts';
import { once } from '../platform/once.ts';
import { clock, storage } from './base.ts';

/** The bucket as files see it. */
export const fileObjects = once(() => cloudFiles(storageBucket.value(), clock, storage));
