import { type ParseArgsConfig, parseArgs } from 'node:util';

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
    throw new Error(`${error instanceof Error ? error.message : error}\n${usage}`, { cause: error });
  }
}
