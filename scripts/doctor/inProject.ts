import { join } from 'node:path';
import { declaredFunctions } from '../google/declared.ts';
import type { GoogleApi } from '../google/googleApi.ts';
import { projectFacts, Unfit } from '../google/projectFacts.ts';
import { defaultRegion } from '../google/regions.ts';
import { type Finding, wrong } from './finding.ts';
import { projectChecks } from './projectChecks.ts';

const functionsDir = join(import.meta.dirname, '../../functions');

/**
 * Looks at a project; what Sluice cannot do without is looked for first.
 * @throws Error where the project cannot be seen at all.
 */
export async function inProject(api: GoogleApi, project: string, bucket?: string): Promise<Finding[]> {
  try {
    const facts = await projectFacts(api, project, bucket);
    const declared = await declaredFunctions(functionsDir, project, facts.bucket);
    const region = declared.functions[0]?.region ?? defaultRegion;
    return await projectChecks({ api, facts, declared, region });
  } catch (error) {
    if (error instanceof Unfit) return [wrong(error.check, error.detail, error.mend)];
    throw error;
  }
}
