import { AppError } from '../platform/errors.ts';
import type { ServedRoute } from './route.ts';

/** The route that a path leads to, and its parameters. */
interface Match {
  route: ServedRoute;
  params: Readonly<Record<string, string>>;
}

interface PathRoutes {
  segments: readonly string[];
  byMethod: Map<string, ServedRoute>;
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});

/**
 * Finds the route of a request: paths without parameters by one look into a map, the others by their segments, in the
 * order given. A trailing slash is another path.
 */
export class Router {
  readonly #fixed = new Map<string, PathRoutes>();
  readonly #patterns: PathRoutes[] = [];

  constructor(routes: readonly ServedRoute[]) {
    const byPath = new Map<string, PathRoutes>();
    for (const route of routes) {
      let entry = byPath.get(route.path);
      if (entry === undefined) {
        entry = { segments: route.path.split('/'), byMethod: new Map() };
        byPath.set(route.path, entry);
        if (route.path.includes('/:')) this.#patterns.push(entry);
        else this.#fixed.set(route.path, entry);
      }
      if (entry.byMethod.has(route.method)) throw new Error(`two routes for ${route.method} ${route.path}`);
      entry.byMethod.set(route.method, route);
    }
  }

  /**
   * HEAD finds the route of GET.
   * @throws AppError `not_found`, `method_not_allowed`, or `invalid_request` for a segment that cannot be decoded.
   */
  match(method: string, path: string): Match {
    const fixed = this.#fixed.get(path);
    if (fixed !== undefined) return { route: pick(fixed, method, path), params: noParams };
    const segments = path.split('/');
    const found = this.#patterns.find((entry) => fits(entry.segments, segments));
    if (found === undefined) throw new AppError('not_found', 'There is no such route.');
    return { route: pick(found, method, path), params: paramsOf(found.segments, segments) };
  }
}

/** The wrong method on a known path; the handler names the right ones in `Allow`. */
export class MethodNotAllowed extends AppError {
  readonly allow: string;

  constructor(method: string, path: string, allowed: Iterable<string>) {
    const allow = [...allowed].flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).join(', ');
    super('method_not_allowed', `${method} does not work on ${path}; allowed: ${allow}.`);
    this.allow = allow;
  }
}

function pick(entry: PathRoutes, method: string, path: string): ServedRoute {
  const route = entry.byMethod.get(method === 'HEAD' ? 'GET' : method);
  if (route === undefined) throw new MethodNotAllowed(method, path, entry.byMethod.keys());
  return route;
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, index) =>
    part.startsWith(':') ? segments[index] !== '' : part === segments[index],
  );
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {};
  pattern.forEach((part, index) => {
    if (part.startsWith(':')) params[part.slice(1)] = decode(segments[index] ?? '');
  });
  return params;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (cause) {
    throw new AppError('invalid_request', 'The path has a percent sign that encodes nothing.', { cause });
  }
}
