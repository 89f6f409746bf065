import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export interface WorkloadEvent {
  atMs: number;
  kind: 'task' | 'status' | 'response';
  taskId: string;
  body: Record<string, unknown>;
}

/** The events of a file in bench/workload, in the order of their times. */
export function readWorkload(name: 'trace' | 'mixed'): WorkloadEvent[] {
  const file = join(import.meta.dirname, '../workload', `${name}.jsonl.gz`);
  const lines = gunzipSync(readFileSync(file)).toString('utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { at_ms, kind, task_id, body } = JSON.parse(line);
    return { atMs: at_ms, kind, taskId: task_id ?? body.task_id, body };
  });
}
