import { projectID } from 'firebase-functions/params';
import { deployedId, region } from '../config.ts';
import { statusTimeoutMs } from '../operator/limits.ts';
import { type QueueControl, queueControl } from '../platform/queueControl.ts';
import { clock } from './base.ts';

/** Control over the queue of `flush`; undefined in the official emulator. */
export function flushQueueControl(): QueueControl | undefined {
  return queueControl({
    projectId: projectID.value(),
    region,
    functionName: deployedId('flush'),
    clock,
    limitMs: statusTimeoutMs,
  });
}
