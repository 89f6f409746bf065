import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { GoogleApi } from '../../../scripts/google/googleApi.ts';
import { requestLogsFilter, setRequestLogs } from '../../../scripts/setup/requestLogs.ts';

const functionNames = ['ingest', 'fileFinalized'];
const filter = requestLogsFilter(functionNames);

describe('setup --request-logs', () => {
  let server: Server;
  let api: GoogleApi;
  /** The project's exclusions, by name. */
  let exclusions: Map<string, Record<string, unknown>>;
  let calls: string[];
  let isAllowed: boolean;

  beforeEach(async () => {
    exclusions = new Map([['theirs', { name: 'theirs', filter: 'severity<ERROR' }]]);
    calls = [];
    isAllowed = true;
    server = createServer(async (request, response) => {
      const answer = (status: number, body: object): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
      calls.push(`${request.method} ${pathname}`);
      if (!isAllowed || request.headers.authorization !== 'Bearer token')
        return answer(403, { error: { message: 'denied' } });
      const name = /^\/v2\/projects\/p\/exclusions\/(.+)$/.exec(pathname)?.[1] ?? '';
      const present = exclusions.get(name);
      if (request.method === 'POST') {
        const made = (await json(request)) as { name: string };
        exclusions.set(made.name, made);
        return answer(200, made);
      }
      if (present === undefined) return answer(404, { error: 'NOT_FOUND' });
      if (request.method === 'DELETE') exclusions.delete(name);
      if (request.method === 'PATCH') {
        const given = (await json(request)) as Record<string, unknown>;
        for (const field of searchParams.get('updateMask')?.split(',') ?? []) present[field] = given[field];
      }
      answer(200, present);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const own = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    api = new GoogleApi(
      async () => 'token',
      (url) => url.replace('https://logging.googleapis.com', own),
    );
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Sets them; returns all that is said of it. */
  const set = async (areKept: boolean): Promise<string> => {
    const lines: string[] = [];
    await setRequestLogs(api, 'p', { functionNames, areKept }, (line) => lines.push(line));
    return lines.join('\n');
  };
  const exclude = () => set(false);
  const keep = () => set(true);
  const own = () => exclusions.get('sluice-requests');

  it('names requests of these functions that succeeded, and no log of their own', () => {
    assert.equal(
      filter,
      'resource.type="cloud_run_revision" AND resource.labels.service_name=("ingest" OR "filefinalized") AND ' +
        'log_id("run.googleapis.com/requests") AND httpRequest.status<400',
    );
  });

  it('excludes them, once however often it runs, and touches no other exclusion', async () => {
    const said = await exclude();
    assert.ok(said.startsWith(`Excluding from what Cloud Logging keeps: ${filter}\n`), said);
    assert.equal(own()?.['filter'], filter);
    calls.length = 0;
    assert.match(await exclude(), /already/);
    assert.deepEqual(calls, ['GET /v2/projects/p/exclusions/sluice-requests']);
    assert.deepEqual(exclusions.get('theirs'), { name: 'theirs', filter: 'severity<ERROR' });
  });

  it('puts right one that is disabled, or of other functions', async () => {
    exclusions.set('sluice-requests', { name: 'sluice-requests', filter: 'old', disabled: true });
    await exclude();
    assert.deepEqual(own(), { name: 'sluice-requests', filter, disabled: false });
  });

  it('has them kept again, also where nothing was excluded', async () => {
    await exclude();
    assert.match(await keep(), /^Deleting the exclusion sluice-requests: .*\n.*kept from now on/);
    assert.equal(own(), undefined);
    assert.match(await keep(), /there is no exclusion/);
    assert.equal(exclusions.size, 1);
  });

  it('says which role is missing', async () => {
    isAllowed = false;
    await assert.rejects(exclude, /^Error: GET \S+: 403 denied.*roles\/logging\.configWriter/);
  });
});
