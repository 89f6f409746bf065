import { type OperationRules, operationKind } from '../documents/kind.ts';
import type { Kind } from '../flush/kind.ts';
import { type TaskKindOptions, taskKind } from '../tasks/kind.ts';
import type { TaskRules } from '../tasks/readiness.ts';

export type WriteRules = TaskRules & OperationRules;

/** Makes every kind of document that Sluice writes. */
export function documentKinds(options: TaskKindOptions & { rules: WriteRules }): readonly Kind[] {
  return [taskKind(options), operationKind(options.rules)];
}
