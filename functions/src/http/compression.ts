import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';
import type { ApiResponse } from './route.ts';

/** A shorter body stays as it is: two headers more would take what is saved. */
const leastBytes = 200;

/** Up to this, the ways to a thread and back would cost as much as the compressing. */
const maxSyncBytes = 256 * 1024;

const inThread = promisify(gzip);

interface Compressed {
  answer: ApiResponse;
  payload: string | Uint8Array;
}

/** Compresses an answer's body for those who take gzip; Hosting passes a function's body on as it comes. */
export async function compressed(
  answer: ApiResponse,
  payload: string | Uint8Array,
  acceptEncoding: string | undefined,
): Promise<Compressed> {
  if (Buffer.byteLength(payload) < leastBytes) return { answer, payload };
  const { vary } = answer.headers ?? {};
  const varying = { ...answer.headers, vary: [...(vary ? [vary] : []), 'accept-encoding'].join(', ') };
  if (!takesGzip(acceptEncoding ?? '')) return { answer: { ...answer, headers: varying }, payload };
  return {
    answer: { ...answer, headers: { ...varying, 'content-encoding': 'gzip' } },
    payload: payload.length <= maxSyncBytes ? gzipSync(payload) : await large(payload),
  };
}

/** Large bodies that are the very bytes of an earlier answer: 16 MB take two seconds at a sixth of a vCPU. */
const known = new WeakMap<Uint8Array, Promise<Buffer>>();

function large(payload: string | Uint8Array): Promise<Buffer> {
  if (typeof payload === 'string') return inThread(payload);
  const made = known.get(payload) ?? inThread(payload);
  known.set(payload, made);
  return made;
}

/** Tells if `Accept-Encoding` allows gzip: https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding */
function takesGzip(acceptEncoding: string): boolean {
  return acceptEncoding
    .toLowerCase()
    .split(',')
    .some((each) => {
      const [coding, ...parameters] = each.split(';').map((part) => part.trim());
      return coding === 'gzip' && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
    });
}
