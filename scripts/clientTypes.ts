/** Makes the types of the TypeScript client from `/openapi.json`, as the functions' sources answer it. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { declaredParams } from 'firebase-functions/params';

interface Schema {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  not?: Schema;
  items?: Schema;
  properties?: Record<string, Schema>;
  patternProperties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
}

type Content = Record<string, { schema?: Schema }>;

interface Operation {
  summary: string;
  requestBody?: { content: Content };
  responses: Record<string, { content?: Content }>;
}

type Paths = Record<string, Record<string, Operation>>;

/** Writes the types, whole or not at all. */
export async function writeClientTypes(typesFile: string): Promise<void> {
  const text = typesOf(await readPaths());
  mkdirSync(dirname(typesFile), { recursive: true });
  const newFile = `${typesFile}.${process.pid}`;
  writeFileSync(newFile, text);
  renameSync(newFile, typesFile);
}

/** A module with the bodies and answers of all routes. */
export function typesOf(paths: Paths): string {
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) => {
      const answers = Object.entries(operation.responses).filter(([status]) => Number(status) < 300);
      const members = [
        ...jsonMember('body', operation.requestBody?.content),
        ...answers.flatMap(([status, { content }]) => jsonMember(status, content)),
      ];
      const name = JSON.stringify(`${method.toUpperCase()} ${path}`);
      return members.length === 0
        ? []
        : [`  /** ${operation.summary} */\n  ${name}: { ${members.join('; ')} };`];
    }),
  );
  return `// Made from /openapi.json by scripts/clientTypes.ts.\nexport interface Api {\n${routes.join('\n')}\n}\n`;
}

function jsonMember(name: string, content: Content = {}): string[] {
  const schema = content['application/json']?.schema;
  return schema === undefined ? [] : [`${name}: ${typeOf(schema)}`];
}

function typeOf(schema: Schema): string {
  if (schema.not !== undefined) return 'never';
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => `(${typeOf(one)})`).join(' | ');
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ');
  switch (schema.type) {
    case undefined:
      return 'unknown';
    case 'integer':
      return 'number';
    case 'array':
      return `(${typeOf(schema.items ?? {})})[]`;
    case 'object':
      return objectOf(schema);
    case 'string':
    case 'number':
    case 'boolean':
    case 'null':
      return schema.type;
    default:
      throw new Error(`No type is known for ${JSON.stringify(schema)}.`);
  }
}

function objectOf({
  properties,
  patternProperties = {},
  additionalProperties,
  required = [],
}: Schema): string {
  const members = Object.entries(properties ?? {}).map(([name, property]) => {
    const type = typeOf(property);
    return required.includes(name)
      ? `${JSON.stringify(name)}: ${type}`
      : `${JSON.stringify(name)}?: ${type} | undefined`;
  });
  for (const [pattern, property] of Object.entries(patternProperties)) {
    members.push(`[name: \`${/^\^(\w*)/.exec(pattern)?.[1]}\${string}\`]: ${typeOf(property)}`);
  }
  const others = additionalProperties ?? properties === undefined;
  if (others === true) members.push('[name: string]: unknown');
  // The members that are named are part of an index.
  else if (others) members.push(`[name: string]: ${members.length === 0 ? typeOf(others) : 'unknown'}`);
  return `{ ${members.join('; ')} }`;
}

async function readPaths(): Promise<Paths> {
  const project = 'demo-types';
  const settings: Record<string, string> = {
    GCLOUD_PROJECT: project,
    FIREBASE_CONFIG: JSON.stringify({ projectId: project, storageBucket: project }),
    METADATA_SERVER_DETECTION: 'none',
  };
  Object.assign(process.env, settings);
  const { start } = await import('../functions/src/app/api.ts');
  for (const { name, options } of declaredParams as { name: string; options?: { default?: unknown } }[]) {
    if (options?.default !== undefined) process.env[name] = String(options.default);
  }
  process.env['LOG_LEVEL'] = 'ERROR';
  const server = createServer(start());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/openapi.json`);
    if (!answer.ok) throw new Error(`/openapi.json: ${await answer.text()}`);
    return ((await answer.json()) as { paths: Paths }).paths;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
