/** A process that starts the whole stack as `npm start` does, and says when it is ready. */
import { startStack } from '../../local/stack.ts';

const stack = await startStack({ ports: 'free', quiet: true });
process.send?.('ready');
await stack.close();
process.disconnect();
