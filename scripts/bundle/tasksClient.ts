import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';
import { messagesOf } from './messages.ts';

const clientFile = /\/@google-cloud\/tasks\/build\/esm\/src\/v2\/cloud_tasks_client\.js$/;
const readJson = /getJSON\(path\.join\(dirname, ((?:'[^']+'(?:, )?)+)\)\)/g;
const facade = join(import.meta.dirname, 'gaxOverGrpc.js');

/**
 * Makes the client of Cloud Tasks quick to load: over the gRPC parts of google-gax alone, with the messages of its own
 * API version inside the code instead of those of three in a file, and without the 4 MB of static ones.
 */
export function leanTasksClient(packagesDir: string): Plugin {
  const tasksDir = join(packagesDir, '@google-cloud/tasks/build/esm/src');
  return {
    name: 'lean-tasks-client',
    setup: ({ onResolve, onLoad, resolve }) => {
      onResolve({ filter: /^google-gax$/ }, ({ path, importer }) =>
        isBetaClient(importer) ? { path, external: true } : { path: facade },
      );
      // What the facade names is the functions' own, and of google-gax more than it exports.
      onResolve({ filter: /^[@a-z]/ }, ({ path, importer, kind }) => {
        if (importer !== facade) return undefined;
        if (path.startsWith('google-gax/')) return { path: join(packagesDir, path) };
        return resolve(path, { resolveDir: packagesDir, kind });
      });
      // Used by google-gax to read .proto files, which no client here does.
      onResolve({ filter: /^@grpc\/proto-loader$/ }, ({ path }) => ({ path, namespace: 'left-out' }));
      onLoad({ filter: /.*/, namespace: 'left-out' }, ({ path }) => ({ contents: leftOut(path) }));
      // Only for the answers of HTTP/1.
      onResolve({ filter: /^\.\/fallback$/ }, ({ importer }) =>
        importer.endsWith('/google-gax/build/src/googleError.js')
          ? { path: 'google-gax/fallback', namespace: 'left-out' }
          : undefined,
      );
      // Reflection without the parser of .proto files.
      onResolve({ filter: /^protobufjs$/ }, ({ kind }) =>
        resolve('protobufjs/light', { resolveDir: packagesDir, kind }),
      );
      // Node's own streams, of which that package is an old copy.
      onResolve({ filter: /^readable-stream$/ }, () => ({ path: 'stream', namespace: 'builtin' }));
      // The API version that takes carriers, without the package's index, which would tie all three together. The
      // other, for the status, is loaded whole from the package when it is asked for.
      onResolve({ filter: /^@google-cloud\/tasks$/ }, ({ path, importer }) =>
        isBetaClient(importer) ? { path, external: true } : { path: join(tasksDir, 'v2/index.js') },
      );
      onLoad({ filter: clientFile }, ({ path }) => ({ contents: withJsonInside(path) }));
    },
  };
}

function isBetaClient(importer: string): boolean {
  return importer.endsWith('/tasksBetaClient.ts');
}

function leftOut(name: string): string {
  const message = JSON.stringify(`${name} is left out of the bundle: see scripts/bundle.`);
  return `module.exports = new Proxy({}, { get(_, key) { if (key === '__esModule') return true; throw new Error(${message}); } });`;
}

function withJsonInside(file: string): string {
  const dir = dirname(file);
  return readFileSync(file, 'utf8').replace(readJson, (_, parts: string) => {
    const jsonFile = join(dir, ...parts.split(', ').map((part) => part.slice(1, -1)));
    const json = JSON.parse(readFileSync(jsonFile, 'utf8'));
    switch (basename(jsonFile)) {
      case 'protos.json':
        return JSON.stringify(messagesOf(json, `google.cloud.tasks.${basename(dir)}`));
      case 'package.json':
        return JSON.stringify({ version: json.version });
      default:
        return JSON.stringify(json);
    }
  });
}
