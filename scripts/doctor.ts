/**
 * `npm run doctor -- --project ID`: looks whether all is as a deploy leaves it, and whether a response comes through.
 * Ends with 0 where all is well, with 1 where something is wrong, with 2 where it could not look.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readOptions, runCommand } from './command.ts';
import type { Finding } from './doctor/finding.ts';
import { inProject } from './doctor/inProject.ts';
import { serviceChecks } from './doctor/serviceChecks.ts';
import { cliAccessToken } from './google/cliCredentials.ts';
import { GoogleApi } from './google/googleApi.ts';

const usage = 'Usage: npm run doctor -- (--project ID [--bucket NAME] | --url ADDRESS) [--key ADMIN_KEY]';
const root = join(import.meta.dirname, '..');
const unseen =
  'Not looked at, as that takes a key of role admin (--key, or SLUICE_ADMIN_KEY): what waits, dead letters, a canary.';

await runCommand(doctor, 2);

async function doctor(): Promise<number> {
  const values = options();
  const findings = await examine(values);
  for (const finding of findings) console.log(lineOf(finding));
  const wrongs = findings.filter(({ isWell }) => !isWell).length;
  console.log(wrongs === 0 ? '\nAll is well.' : `\n${wrongs} of ${findings.length} are wrong.`);
  if (values.key === undefined) console.log(unseen);
  return wrongs === 0 ? 0 : 1;
}

function options() {
  const values = readOptions(usage, {
    project: { type: 'string' },
    bucket: { type: 'string' },
    url: { type: 'string' },
    key: { type: 'string', default: process.env['SLUICE_ADMIN_KEY'] },
  });
  const { project, url } = values;
  if ((project === undefined) === (url === undefined)) throw new Error(usage);
  if (url !== undefined && !/^https?:\/\//.test(url)) {
    throw new Error(`--url: expected an address such as http://127.0.0.1:5000, got ${url}`);
  }
  return values;
}

async function examine({ project, bucket, url, key }: ReturnType<typeof options>): Promise<Finding[]> {
  const base = (url ?? `https://${project}.web.app`).replace(/\/$/, '');
  const api = new GoogleApi(() => cliAccessToken(project ?? '', root));
  const ofProject = project === undefined ? [] : await inProject(api, project, bucket);
  return [...ofProject, ...(await serviceChecks({ base, key, newId: () => `canary-${randomUUID()}` }))];
}

function lineOf(finding: Finding): string {
  if (finding.isWell) return `ok     ${finding.check}${finding.detail === '' ? '' : `: ${finding.detail}`}`;
  return `WRONG  ${finding.check}: ${finding.detail}\n       → ${finding.mend}`;
}
