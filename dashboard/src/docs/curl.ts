import type { RouteView } from './contract.ts';

/** A command that calls a route at an address: what is required is filled in with examples, the key a variable's. */
export function curlOf(route: RouteView, origin: string): string {
  const { method, bodies, parameters, roles } = route;
  const [body] = bodies;
  const parts = [`curl ${method === 'GET' ? '' : `-X ${method} `}${quoted(addressOf(route, origin))}`];
  // Double quotes, so that a shell puts the key in.
  if (roles !== undefined) parts.push('-H "X-API-Key: $SLUICE_KEY"');
  for (const { name, in: place, required, example } of parameters) {
    if (place === 'header' && required) parts.push(`-H ${quoted(`${name}: ${String(example ?? '')}`)}`);
  }
  if (body !== undefined) {
    const { mediaType, content } = body;
    if (content.example === undefined)
      parts.push(`-H ${quoted(`Content-Type: ${mediaType}`)}`, '--data-binary @FILE');
    else {
      const { example } = content;
      const text = typeof example === 'string' ? example : JSON.stringify(example);
      parts.push(`-H ${quoted(`Content-Type: ${mediaType}`)}`, `--data-binary ${quoted(text)}`);
    }
  }
  return parts.join(' \\\n  ');
}

function addressOf({ path, parameters }: RouteView, origin: string): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const example = parameters.find((one) => one.in === 'path' && one.name === name)?.example;
    return encodeURIComponent(String(example ?? name.toUpperCase()));
  });
  const query = parameters
    .filter((one) => one.in === 'query' && one.required)
    .map(({ name, example }) => `${name}=${encodeURIComponent(String(example ?? ''))}`)
    .join('&');
  return `${origin}${filled}${query === '' ? '' : `?${query}`}`;
}

/** A text as one word of a POSIX shell. */
function quoted(text: string): string {
  return /^[\w:/.?=&%@-]+$/.test(text) && !text.includes('&') ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
