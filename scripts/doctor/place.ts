import type { Declared } from '../google/declared.ts';
import type { GoogleApi } from '../google/googleApi.ts';
import type { ProjectFacts } from '../google/projectFacts.ts';

/** An installation in a project, and how it is looked at. */
export interface Place {
  api: GoogleApi;
  facts: ProjectFacts;
  declared: Declared;
  /** Region of the functions. */
  region: string;
}

export const setupOf = ({ facts }: Place): string => `npm run setup -- --project ${facts.id}`;
export const deployOf = ({ facts }: Place): string => `npm run deploy -- --project ${facts.id}`;
