/** A JSON schema, as much of it as openapi.json has. */
export interface Schema {
  type?: string | string[];
  $ref?: string;
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  not?: object;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  propertyNames?: Schema;
  items?: Schema;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  default?: unknown;
  title?: string;
  description?: string;
}

export interface Content {
  schema?: Schema;
  example?: unknown;
}

interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema?: Schema;
  example?: unknown;
}

interface Answer {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Content>;
}

interface Operation {
  summary?: string;
  description?: string;
  security?: unknown[];
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, Content> };
  responses?: Record<string, Answer>;
}

/** An OpenAPI document. */
export interface Contract {
  info: { version?: string };
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

/** One route, as the page shows it. */
export interface RouteView {
  /** Part of the address that leads to it. */
  id: string;
  method: string;
  path: string;
  summary: string;
  /** Roles whose keys may call it; undefined where it takes no key. */
  roles: string[] | undefined;
  parameters: Parameter[];
  bodies: { mediaType: string; isRequired: boolean; content: Content }[];
  answers: { status: string; description: string; headers: string[]; contents: [string, Content][] }[];
  /** Refusals: their status, and what its problem documents are about. */
  refusals: { status: string; description: string }[];
}

interface Group {
  title: string;
  routes: RouteView[];
}

/** Titles of the groups by the beginning of their paths, in the order in which they are shown. */
const groups: readonly [title: string, paths: RegExp][] = [
  ['Answers', /^\/v1\/(responses|events)\b/],
  ['Tasks', /^\/v1\/tasks\b/],
  ['Documents', /^\/v1\/(operations|documents)\b/],
  ['Files', /^\/v1\/(files|cleanup)\b/],
  ['Existing miners and validators', /^\/api\/v1\/(?!health)/],
  ['Operating', /^\/v1\/(status|flush|queue|dead-letters)\b|^\/metrics\b/],
  ['Quota', /^\/v1\/(quota|warnings)\b/],
  ['Keys', /^\/v1\/keys\b/],
  ['Others', /^/],
];

/** Reads what came as openapi.json. @throws Error that says why it cannot be shown. */
export function readContract(value: unknown): Contract {
  const { openapi, paths } = (value ?? {}) as { openapi?: unknown; paths?: unknown };
  if (typeof openapi !== 'string' || !openapi.startsWith('3.') || typeof paths !== 'object' || paths === null)
    throw new Error('What came is no OpenAPI 3 document.');
  return value as Contract;
}

/** All routes in groups, none of which is empty. */
export function groupsOf({ paths }: Contract): Group[] {
  const byTitle = new Map<string, RouteView[]>(groups.map(([title]) => [title, []]));
  for (const [path, operations] of Object.entries(paths)) {
    const [title = ''] = groups.find(([, pattern]) => pattern.test(path)) ?? [];
    for (const [method, operation] of Object.entries(operations))
      byTitle.get(title)?.push(routeView(method.toUpperCase(), path, operation));
  }
  return [...byTitle].filter(([, routes]) => routes.length > 0).map(([title, routes]) => ({ title, routes }));
}

function routeView(method: string, path: string, operation: Operation): RouteView {
  const {
    summary = '',
    description = '',
    security,
    parameters = [],
    requestBody,
    responses = {},
  } = operation;
  const [, roles] = /^For keys of role (.+)\.$/.exec(description) ?? [];
  const bodies = Object.entries(requestBody?.content ?? {}).map(([mediaType, content]) => ({
    mediaType,
    isRequired: requestBody?.required === true,
    content,
  }));
  const all = Object.entries(responses).map(([status, answer]) => ({
    status,
    description: answer.description ?? '',
    headers: Object.keys(answer.headers ?? {}),
    contents: Object.entries(answer.content ?? {}),
  }));
  const isRefusal = ({ contents }: (typeof all)[number]): boolean =>
    contents.length > 0 && contents.every(([mediaType]) => mediaType === 'application/problem+json');
  return {
    id: `${method.toLowerCase()}${path.replaceAll(/\W+/g, '-')}`.replace(/-$/, ''),
    method,
    path,
    summary,
    roles: security?.length === 0 ? undefined : roles?.split(', '),
    parameters,
    bodies,
    answers: all.filter((answer) => !isRefusal(answer)),
    refusals: all.filter(isRefusal),
  };
}

/** The groups with those routes alone that have every word of a search in their method, path, summary or roles. */
export function filtered(all: readonly Group[], search: string): Group[] {
  const words = search.toLowerCase().split(/\s+/);
  const has = ({ method, path, summary, roles, parameters }: RouteView): boolean => {
    const names = parameters.map(({ name }) => name);
    const text = [method, path, summary, ...(roles ?? ['public']), ...names].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  };
  return all
    .map(({ title, routes }) => ({ title, routes: routes.filter(has) }))
    .filter(({ routes }) => routes.length > 0);
}
