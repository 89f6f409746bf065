import { deployedFunctions, isOwn } from '../google/deployedFunctions.ts';
import { formerFunctions } from '../google/formerFunctions.ts';
import { allOf, type Finding, well, wrong } from './finding.ts';
import { deployOf, type Place } from './place.ts';

export async function functions(place: Place): Promise<Finding> {
  const deployed = (await deployedFunctions(place.api, place.facts.id)).filter(isOwn);
  const missing = place.declared.functions
    .filter(
      ({ id, region: own }) => !deployed.some((one) => one.id === id && one.region === own && one.isActive),
    )
    .map(({ id }) => `${id} is not there, or does not run`);
  return allOf('functions', missing, place.declared.functions.length, deployOf(place));
}

const metric = 'run.googleapis.com/cpu_allocation';

interface QuotaMetric {
  consumerQuotaLimits?: {
    quotaBuckets?: { effectiveLimit?: string; dimensions?: { region?: string } }[];
  }[];
}

/**
 * Compares what the functions may have together with what the project may have in their region, in thousandths of a
 * vCPU: https://cloud.google.com/run/quotas,
 * https://cloud.google.com/service-usage/docs/reference/rest/v1beta1/services.consumerQuotaMetrics
 */
export async function quota({ api, facts, declared, region }: Place): Promise<Finding> {
  const check = 'quota of vCPUs';
  const metrics = `projects/${facts.id}/services/run.googleapis.com/consumerQuotaMetrics`;
  const url = `https://serviceusage.googleapis.com/v1beta1/${metrics}/${encodeURIComponent(metric)}?view=FULL`;
  const found = await api.get<QuotaMetric>(url);
  const buckets = found?.consumerQuotaLimits?.flatMap(({ quotaBuckets = [] }) => quotaBuckets) ?? [];
  const bucket =
    buckets.find(({ dimensions }) => dimensions?.region === region) ??
    buckets.find(({ dimensions }) => dimensions?.region === undefined);
  const wanted = declared.functions.reduce((sum, { vcpus }) => sum + vcpus, 0);
  const shown = wanted.toFixed(2).replace(/\.?0+$/, '');
  if (bucket?.effectiveLimit === undefined) return well(check, `${shown}; none is told for ${region}`);
  const limit = Number(bucket.effectiveLimit) / 1000;
  const detail = `functions may take ${shown}, ${region} has ${limit}`;
  // No limit is -1.
  if (limit < 0 || wanted <= limit) return well(check, detail);
  const raise =
    `gcloud quotas preferences create --service=run.googleapis.com --quota-id=CpuAllocPerProjectRegion ` +
    `--project=${facts.id} --dimensions=region=${region} --preferred-value=${Math.ceil(wanted * 1000)}`;
  return wrong(check, detail, `${raise}; or smaller …_MAX_INSTANCES in functions/.env.${facts.id}`);
}

/** Looks for functions of an earlier version, which nobody needs once nobody calls them. */
export async function earlier(place: Place): Promise<Finding[]> {
  const former = formerFunctions(await deployedFunctions(place.api, place.facts.id));
  if (former.length === 0) return [];
  const detail = `its functions stand beside: ${former.map(({ id }) => id).join(', ')}`;
  return [wrong('earlier version', detail, `npm run retire -- --project ${place.facts.id}`)];
}
