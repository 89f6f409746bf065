import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An event as it came. */
export interface Line {
  stamp: string;
  [member: string]: unknown;
}

/** A failure of one request: it answers in the server's place, or not at all; false where the server goes on. */
type Failure = (response: ServerResponse, lines: Line[]) => boolean | undefined;

/** A server that speaks as Sluice does, and fails as it is told. */
export class FaultServer {
  /** Asked in turn, one for each request, before it takes events. */
  failures: Failure[] = [];
  readonly requests: { url: string; headers: IncomingHttpHeaders; lines: Line[]; bytes: number }[] = [];
  readonly kept: Line[] = [];
  refuse: (line: Line) => [code: string, message: string] | undefined = () => undefined;
  now: () => number = Date.now;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FaultServer> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const { url = '', headers } = request;
      const lines = url === '/v1/events' ? linesOf(body) : [];
      faults.requests.push({ url, headers, lines, bytes: body.length });
      if (faults.failures.shift()?.(response, lines) === true) return;
      const { status, answer } = faults.accept(lines);
      sendJson(response, status, answer);
    });
    const faults = new FaultServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return faults;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Keeps events; answers their fates as Sluice would. */
  accept(lines: readonly Line[]): { status: number; answer: object } {
    const rejected: object[] = [];
    lines.forEach((line, index) => {
      const [code, message] = this.refuse(line) ?? [];
      if (code === undefined) this.kept.push(line);
      else rejected.push({ index, code, message });
    });
    const accepted = lines.length - rejected.length;
    const server_time = new Date(this.now()).toISOString();
    const answer = { accepted, rejected, warnings: [], created: [], server_time };
    return { status: accepted > 0 ? 202 : 422, answer };
  }

  /** Keeps the events, and closes the connection before the answer, or in its middle. */
  lostAnswer(share = 0): Failure {
    return (response, lines) => {
      const { status, answer } = this.accept(lines);
      const body = JSON.stringify(answer);
      if (share > 0) {
        response.writeHead(status, { 'Content-Length': body.length });
        response.write(body.slice(0, body.length * share), () => response.destroy());
      } else {
        response.destroy();
      }
      return true;
    };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Answers with one of Sluice's errors. */
export function problem(status: number, code: string, headers: Record<string, string> = {}): Failure {
  return (response) => sendJson(response, status, { status, code, detail: `It is ${code}.` }, headers);
}

/** Answers as somebody does who is not Sluice. */
export function raw(status: number, body = '', headers: Record<string, string> = {}): Failure {
  return (response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}

/** Never answers. */
export const hang: Failure = () => true;

export function sendJson(
  response: ServerResponse,
  status: number,
  answer: object,
  headers: Record<string, string> = {},
): true {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(answer));
  return true;
}

function linesOf(body: Buffer): Line[] {
  return body
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}
