const simplePath = /^[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_][A-Za-z_0-9]*)*$/;
const simpleName = /^[A-Za-z_][A-Za-z_0-9]*$/;

/**
 * The names that a field path leads through: names between dots, in backticks those that have a dot or a backtick
 * (escaped by a backslash) themselves. Undefined for what is no path.
 */
export function namesOf(path: string): string[] | undefined {
  if (simplePath.test(path)) return path.split('.');
  const names: string[] = [];
  const part = /(?:`((?:[^`\\]|\\.)*)`|([^.`]+))(\.|$)/gsy;
  let end = '.';
  while (end === '.') {
    const match = part.exec(path);
    if (match === null) return undefined;
    const name = match[1] === undefined ? (match[2] ?? '') : match[1].replace(/\\(.)/gs, '$1');
    if (name === '') return undefined;
    names.push(name);
    end = match[3] ?? '';
  }
  return names;
}

/** The one way to write a field path: a path is below another exactly if it begins with it and a dot. */
export function fieldPath(names: readonly string[]): string {
  return names
    .map((name) => (simpleName.test(name) ? name : `\`${name.replace(/[\\`]/g, '\\$&')}\``))
    .join('.');
}
