import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Express, NextFunction, Request, Response } from 'express';
import { sdkRequire } from './discovery.ts';

/** An HTTP, task queue or schedule function is called alike: with Express's request and response. */
export type FunctionHandler = (request: Request, response: Response) => unknown;

/** 32 MB: https://cloud.google.com/run/quotas#request_limits */
const maxBodyBytes = 32 * 1024 * 1024;

/**
 * The server around a function, as the Functions Framework makes it: the whole body is read first and kept as
 * `rawBody`; JSON, text and urlencoded bodies are parsed, anything else is a buffer. A body that is too large or
 * does not parse is answered (413, 400) before the function sees it. Express is the one that firebase-functions
 * brings, so request and response are what the handler was written for.
 */
export function createFunctionApp(functionsDir: string, handler: FunctionHandler): RequestListener {
  const express: typeof import('express') = sdkRequire(functionsDir)('express');
  const app: Express = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('trust proxy');
  const keepRaw = { limit: maxBodyBytes, verify: saveRawBody };
  app.use(express.json({ ...keepRaw, type: ['application/json', 'application/cloudevents+json'] }));
  app.use(express.text(keepRaw));
  app.use(express.urlencoded({ ...keepRaw, extended: true }));
  app.use(express.raw({ ...keepRaw, type: '*/*' }));
  app.use((request: Request, response: Response, next: NextFunction) => {
    if (request.path === '/favicon.ico' || request.path === '/robots.txt') response.status(404).send();
    else next();
  });
  app.use(async (request: Request, response: Response) => {
    if (isEventHandler(handler)) {
      // What it throws, Express answers with 500, as the framework does.
      await handler(request.body);
      response.status(204).end();
    } else await handler(request, response);
  });
  return app;
}

/** A function with an event trigger takes the CloudEvent itself. */
function isEventHandler(handler: FunctionHandler): handler is (event: unknown) => Promise<unknown> {
  const endpoint: unknown = Reflect.get(handler, '__endpoint');
  return typeof endpoint === 'object' && endpoint !== null && 'eventTrigger' in endpoint;
}

function saveRawBody(request: IncomingMessage, _response: ServerResponse, body: Buffer): void {
  Object.assign(request, { rawBody: body });
}
