/** Prints what would be deployed, one line a function, read from the built code as the Firebase CLI reads it. */
import { join } from 'node:path';
import { discoverFunctions } from '../local/functions/discovery.ts';

const projectId = process.env['GCLOUD_PROJECT'] ?? 'demo-sluice';

const manifest = await discoverFunctions({
  functionsDir: join(import.meta.dirname, '../functions'),
  projectId,
  storageBucket: `${projectId}.firebasestorage.app`,
});
for (const [name, endpoint] of Object.entries(manifest.endpoints)) {
  const trigger = Object.keys(endpoint).find((key) => key.endsWith('Trigger'));
  console.log(`${name}  ${trigger}  ${endpoint.region?.join(', ')}`);
}
