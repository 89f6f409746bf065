import { deployedId } from '../../functions/src/config.ts';
import type { LogLine } from './logger.ts';

/** A line as Cloud Logging keeps it, of a function with this name. */
function entryOf({ severity, message, fields }: LogLine, functionName: string): object {
  return {
    severity,
    resource: { type: 'cloud_run_revision', labels: { service_name: deployedId(functionName) } },
    jsonPayload: { message, ...fields },
  };
}

/**
 * True for a line that a filter of Cloud Logging lets through: terms joined by AND
 * (https://cloud.google.com/logging/docs/view/logging-query-language).
 */
export function lets(filter: string, line: LogLine, functionName: string): boolean {
  const entry = entryOf(line, functionName);
  return filter.split(' AND ').every((term) => {
    const [, path = '', operator = '', text = ''] = /^([\w.]+)(=~|>=|[=>])(.+)$/.exec(term) ?? [];
    const value = path
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], entry);
    if (value === undefined) return false;
    if (operator === '>') return Number(value) > Number(text);
    if (operator === '>=') return Number(value) >= Number(text);
    const wanted = String(JSON.parse(text));
    return operator === '=' ? value === wanted : new RegExp(wanted).test(String(value));
  });
}
