import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ConfiguredHeaders } from './headers.ts';

const contentTypes: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** An hour, for browsers: what Hosting says of a file unless firebase.json says otherwise. */
const defaultCacheControl = 'max-age=3600';

/**
 * Serves the file that a path names, `index.html` for a directory, to whose path it adds the slash that is missing, as
 * the Firebase CLI's own server does; false when there is none.
 */
export async function serveStatic(
  publicDir: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  configured: ConfiguredHeaders,
): Promise<boolean> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false;
  const file = await findFile(publicDir, path);
  if (file === undefined) {
    if (path.endsWith('/') || (await findFile(publicDir, `${path}/`)) === undefined) return false;
    const [asked = '', query] = (request.url ?? '').split('?', 2);
    response.writeHead(301, { location: `${asked}/${query === undefined ? '' : `?${query}`}` }).end();
    return true;
  }
  const isKnown = request.headers['if-none-match'] === file.etag;
  response.writeHead(isKnown ? 304 : 200, {
    'content-type': contentTypes[extname(file.name)] ?? 'application/octet-stream',
    ...(isKnown ? {} : { 'content-length': file.bytes }),
    'cache-control': defaultCacheControl,
    etag: file.etag,
    ...Object.fromEntries(configured),
  });
  if (isKnown || request.method === 'HEAD') response.end();
  else await pipeline(createReadStream(file.name), response);
  return true;
}

interface FoundFile {
  name: string;
  bytes: number;
  etag: string;
}

async function findFile(publicDir: string, path: string): Promise<FoundFile | undefined> {
  const root = normalize(publicDir + sep);
  const named = normalize(join(root, path));
  const name = path.endsWith('/') ? join(named, 'index.html') : named;
  const segments = name.slice(root.length).split(sep);
  if (!name.startsWith(root) || path.includes('\0') || segments.some((segment) => segment.startsWith('.'))) {
    return undefined;
  }
  const found = await stat(name).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const etag = `"${found.size.toString(16)}-${Math.floor(found.mtimeMs).toString(16)}"`;
  return { name, bytes: found.size, etag };
}
