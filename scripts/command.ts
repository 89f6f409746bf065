import { type ParseArgsConfig, parseArgs } from 'node:util';
import { messageOf } from '../functions/src/platform/errors.ts';

/**
 * Reads a command's options.
 * @throws Error that says how the command is called, where one is unknown or has no value.
 */
export function readOptions<const Options extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: Options,
) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${usage}`, { cause: error });
  }
}

/**
 * Runs a command. Its exit code is the number that `work` returns, if any; `failed` where it throws, which is said in a
 * line.
 */
export async function runCommand(work: () => Promise<unknown>, failed: number): Promise<void> {
  try {
    const code = await work();
    if (typeof code === 'number') process.exitCode = code;
  } catch (error) {
    console.error(messageOf(error));
    process.exitCode = failed;
  }
}
