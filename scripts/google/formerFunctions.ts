import { deployedId } from '../../functions/src/config.ts';
import { type DeployedFunction, isOwn } from './deployedFunctions.ts';

/** Ids of versions before there was a prefix (docs/adr/0025-ids-and-code-base.md). */
const formerIds = ['ingest', 'api', 'polls', 'files', 'filed', 'flush', 'expire', 'sweep', 'cleanup'];

/** A variable that every function of Sluice has, and hardly one of anybody else. */
const ownVariable = 'FLUSH_TICK_SECONDS';

/** Finds the functions that a version without the prefix left in the project. */
export function formerFunctions(deployed: readonly DeployedFunction[]): DeployedFunction[] {
  return deployed.filter(
    ({ id, codebase, variables }) =>
      codebase === 'default' && formerIds.includes(id) && variables.includes(ownVariable),
  );
}

/** Says which functions are there still, and which addresses of theirs callers may have. */
export function formerLines(former: readonly DeployedFunction[], projectId: string): string[] {
  const called = former.filter(({ id }) => ['ingest', 'api', 'polls', 'files'].includes(id));
  return [
    `Functions of an earlier version stand beside Sluice's: ${former.map(({ id }) => id).join(', ')}.`,
    'What waits in their queues goes on to them. Callers of these addresses need the new ones:',
    ...called.map(({ id, url }) => `  ${url} → ${url.replace(/[^/]+$/, deployedId(id))}`),
    `When nobody calls them any more: npm run retire -- --project ${projectId}`,
  ];
}

/** Says what is missing before the former ones may go: the new ones do not run all, or Hosting leads elsewhere. */
export function whyNotYet(
  deployed: readonly DeployedFunction[],
  declaredIds: readonly string[],
  servedIds: readonly string[],
): string | undefined {
  const missing = declaredIds.filter(
    (wanted) => !deployed.some((one) => isOwn(one) && one.id === wanted && one.isActive),
  );
  if (missing.length > 0) return `These do not run: ${missing.join(', ')}.`;
  const served = servedIds.filter((id) => formerIds.includes(id));
  return served.length > 0 ? `Hosting leads to ${[...new Set(served)].join(', ')}.` : undefined;
}
