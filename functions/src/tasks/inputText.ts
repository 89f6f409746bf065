import type { JsonObject } from '../platform/json.ts';
import { isMap } from '../platform/values.ts';

const languages = ['source_language', 'target_language'];

/**
 * A task's `input_text` as miners and validators read it: an object with the languages, its own or else the task's;
 * one that nobody said is left out. Undefined where the task has no text.
 */
export function inputTextOf(task: JsonObject): JsonObject | undefined {
  const { input_text: given } = task;
  const text = typeof given === 'string' ? { text: given } : isMap(given) ? (given as JsonObject) : undefined;
  if (text === undefined) return undefined;
  const all = [
    ...Object.entries(text),
    ...languages.map((name) => [name, text[name] || task[name]] as const),
  ];
  const isSaid = ([name, value]: readonly [string, unknown]): boolean =>
    !languages.includes(name) || (value ?? '') !== '';
  return Object.fromEntries(all.filter(isSaid)) as JsonObject;
}
