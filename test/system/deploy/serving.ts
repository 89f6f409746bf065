/**
 * A process that runs a function as the platform does, prints its port, and serves:
 * `node serving.ts FUNCTIONS_DIR NAME`.
 */
import { startFunction } from './startFunction.ts';

const [functionsDir = '', name = ''] = process.argv.slice(2);
console.log(await startFunction(functionsDir, name));
