import { storageBucket } from 'firebase-functions/params';
import { cloudFiles } from '../platform/cloudFiles.ts';
import { once } from '../platform/once.ts';

/** The bucket as files see it. */
export const fileObjects = once(() => cloudFiles(storageBucket.value()));
