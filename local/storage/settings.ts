import { invalid, notImplemented } from './errors.ts';
import { type Lifecycle, readLifecycle } from './lifecycle.ts';
import { checkStorageClass } from './object.ts';

/** An entry of a bucket's `cors` (https://cloud.google.com/storage/docs/cross-origin). */
interface CorsRule {
  origin?: string[];
  method?: string[];
  responseHeader?: string[];
  maxAgeSeconds?: number;
}

/** Settings of a bucket that a caller can change. */
export interface BucketSettings {
  readonly lifecycle: Lifecycle;
  readonly cors?: CorsRule[];
  readonly labels?: Record<string, string>;
  /** New objects begin with an event-based hold. */
  readonly defaultEventBasedHold?: boolean;
  /** A location in capitals, set when the bucket is made; only the bucket's description shows it. */
  readonly location?: string;
  /** Without effect here, where no object has an access list and nothing is public. */
  readonly iamConfiguration?: IamConfiguration;
}

interface IamConfiguration {
  uniformBucketLevelAccess?: { enabled?: boolean };
  publicAccessPrevention?: 'enforced' | 'inherited';
}

const settable = ['lifecycle', 'cors', 'labels', 'defaultEventBasedHold', 'iamConfiguration'];
/** Settings of which the value that the service begins with is understood, and no other. */
const partial = ['versioning', 'billing', 'softDeletePolicy', 'storageClass', 'rpo'];
/** Fields of a bucket that only the service sets; sent ones are ignored. */
const outputOnly = [
  ...['kind', 'id', 'name', 'selfLink', 'etag', 'location', 'locationType', 'projectNumber'],
  ...['generation', 'metageneration', 'timeCreated', 'updated'],
];

/**
 * The settings after a caller's change. Throws 400 for what is wrong, 501 for what the service has
 * and this simulator has not.
 */
export function changeSettings(settings: BucketSettings, change: Record<string, unknown>): BucketSettings {
  refuseAbsent(change);
  const changed: { -readonly [Key in keyof BucketSettings]: BucketSettings[Key] } = { ...settings };
  const { lifecycle, cors, labels, defaultEventBasedHold, iamConfiguration } = change;
  if (lifecycle !== undefined) changed.lifecycle = readLifecycle(lifecycle);
  if (cors === null) delete changed.cors;
  else if (cors !== undefined) changed.cors = readCors(cors);
  if (changed.cors?.length === 0) delete changed.cors;
  if (labels !== undefined) {
    const merged = labels === null ? {} : { ...settings.labels, ...Object(labels) };
    const kept = Object.entries(merged).filter(([, value]) => value !== null);
    changed.labels = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
    if (kept.length === 0) delete changed.labels;
  }
  if (iamConfiguration !== undefined && iamConfiguration !== null)
    changed.iamConfiguration = { ...settings.iamConfiguration, ...readIamConfiguration(iamConfiguration) };
  if (defaultEventBasedHold !== undefined) changed.defaultEventBasedHold = defaultEventBasedHold === true;
  return changed;
}

function refuseAbsent(change: Record<string, unknown>): void {
  const known = [...settable, ...partial, ...outputOnly];
  const name = Object.keys(change).find((each) => change[each] !== null && !known.includes(each));
  if (name !== undefined) throw notImplemented(name);
  const { versioning, billing, softDeletePolicy, storageClass, rpo } = change;
  if (rpo !== undefined && rpo !== null && rpo !== 'DEFAULT') throw notImplemented('rpo');
  if (field(versioning, 'enabled') === true) throw notImplemented('versioning');
  if (field(billing, 'requesterPays') === true) throw notImplemented('requester pays');
  if (Number(field(softDeletePolicy, 'retentionDurationSeconds') ?? 0) > 0)
    throw notImplemented('soft delete');
  checkStorageClass(storageClass);
}

/** Throws 400 for what is no location's name. */
export function readLocation(location: unknown): Pick<BucketSettings, 'location'> {
  if (location === undefined || location === null) return {};
  if (typeof location !== 'string' || !/^[\w-]{2,40}$/.test(location))
    throw invalid('Invalid value for location.');
  return { location: location.toUpperCase() };
}

function readIamConfiguration(value: unknown): IamConfiguration {
  const { uniformBucketLevelAccess: uniform, publicAccessPrevention: prevention, ...others } = Object(value);
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw notImplemented(`iamConfiguration.${unknown}`);
  if (prevention !== undefined && prevention !== 'enforced' && prevention !== 'inherited')
    throw invalid('Invalid value for publicAccessPrevention: enforced or inherited.');
  return {
    ...(uniform && { uniformBucketLevelAccess: { enabled: field(uniform, 'enabled') === true } }),
    ...(prevention && { publicAccessPrevention: prevention }),
  };
}

function field(value: unknown, name: string): unknown {
  return Reflect.get(Object(value), name);
}

function readCors(value: unknown): CorsRule[] {
  if (!Array.isArray(value)) throw invalid('Invalid value for cors: it must be a list of rules.');
  const isList = (list: unknown) => list === undefined || Array.isArray(list);
  const rules: CorsRule[] = value.map((rule) => ({ ...Object(rule) }));
  if (!rules.every(({ origin, method, responseHeader }) => [origin, method, responseHeader].every(isList))) {
    throw invalid('Invalid value for cors: origin, method and responseHeader must be lists.');
  }
  return rules;
}
