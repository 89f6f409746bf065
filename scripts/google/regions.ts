/** Region of the functions where REGION says nothing, as in functions/src/config.ts. */
export const defaultRegion = 'us-central1';

/** Regions of Cloud Functions by the multi-regions of buckets (firebase-tools, `gcp/location`). */
const multiRegions: Readonly<Record<string, readonly string[]>> = {
  us: ['us-central1', 'us-east1', 'us-east4', 'us-west1', 'us-west2', 'us-west3', 'us-west4'],
  eu: ['europe-west1', 'europe-west4', 'europe-west3', 'europe-north1', 'europe-central2'],
  asia: ['asia-east1', 'asia-northeast1', 'asia-southeast1', 'asia-south1', 'asia-east2', 'asia-northeast2'],
  nam4: ['us-central1', 'us-east1'],
  eur4: ['europe-west4', 'europe-north1'],
  asia1: ['asia-northeast1', 'asia-northeast2'],
};

/** Regions in which a function may hear of the bucket’s objects, the best first. */
function regionsFor(bucketLocation: string): readonly string[] {
  const location = bucketLocation.toLowerCase();
  return multiRegions[location] ?? [location];
}

/** Regions near Firestore’s multi-regions: https://firebase.google.com/docs/firestore/locations */
const nearFirestore: Readonly<Record<string, string>> = { nam5: 'us-', nam7: 'us-', eur3: 'europe-' };

/** True where functions in the region reach Firestore without crossing an ocean. */
export function isNear(region: string, firestoreLocation: string): boolean {
  const continent = nearFirestore[firestoreLocation] ?? firestoreLocation.replace(/-.*$/, '-');
  return region.startsWith(continent);
}

/**
 * Compares the region of the functions with where the bucket is.
 * @returns the value that REGION must get; undefined where it is right.
 */
export function regionToSet(region: string, bucketLocation: string): string | undefined {
  const possible = regionsFor(bucketLocation);
  return possible.includes(region) ? undefined : possible[0];
}
