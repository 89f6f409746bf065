/**
 * A process that starts `ingest` as the platform does, sends one response to it, and prints which of the packages
 * it was told to look for had been loaded by then: `node loaded.ts FUNCTIONS_DIR PACKAGE…`.
 */
import { registerHooks } from 'node:module';
import { aKey } from './child.ts';
import { startFunction } from './startFunction.ts';

const [functionsDir = '', ...packages] = process.argv.slice(2);
const loaded = new Set<string>();
registerHooks({
  load(url, context, next) {
    for (const name of packages) if (url.includes(`/node_modules/${name}/`)) loaded.add(name);
    return next(url, context);
  },
});

const port = await startFunction(functionsDir, 'ingest');
const atStart = [...loaded].sort();
const answer = await fetch(`http://127.0.0.1:${port}/v1/responses`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json', 'X-API-Key': aKey },
  body: JSON.stringify({ task_id: 'one', miner_uid: 0, response_data: { text: 'hello' } }),
});
const result = {
  status: answer.status,
  body: await answer.text(),
  atStart,
  atFirstAnswer: [...loaded].sort(),
};
process.stdout.write(JSON.stringify(result), () => process.exit());
