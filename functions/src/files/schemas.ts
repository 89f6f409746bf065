import * as z from 'zod/mini';
import { count, moment, readsHeader, textLike } from '../http/answers.ts';
import type { Schema } from '../http/schema.ts';
import { locations, statuses } from './record.ts';

/** Bytes, in a body or in a field of a form. */
export function binary(): Schema {
  return z.string().check(z.meta({ format: 'binary', examples: ['the bytes'] }));
}

/** A file as answers show it. */
export function fileShown(): Schema {
  const hash = () => z.nullable(z.string());
  return z.object({
    file_id: z.string(),
    file_name: textLike('a.wav'),
    content_type: textLike('audio/wav'),
    file_type: textLike('audio'),
    size: count(),
    ...{ sha256: hash(), md5: hash() },
    location: z.enum(locations),
    status: z.enum(statuses),
    reason: z.optional(z.string()),
    created_at: moment(),
    expires_at: z.nullable(moment()),
    file_url: textLike('/api/v1/files/…/download'),
    upload: z.optional(
      z.object({
        url: z.string(),
        method: z.literal('PUT'),
        headers: z.record(z.string(), z.string()),
        expires_at: moment(),
      }),
    ),
  });
}

/** The answers, refusals and headers of a route that gives the bytes of a file. */
export const contents = {
  answers: () => {
    const headers = ['ETag', readsHeader];
    const bytes = { schema: binary(), mediaType: '*/*', headers };
    return { 200: bytes, 206: { ...bytes, headers: [...headers, 'Content-Range'] }, 304: { headers } };
  },
  headers: ['Range', 'If-Range', 'If-None-Match'],
  refusals: ['not_found', 'conflict', 'range_not_satisfiable'],
} as const;
