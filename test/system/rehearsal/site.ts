import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalGoogle } from '../../../local/google/index.ts';

interface Reply {
  status: number;
  json: Record<string, unknown>;
}

/** An installation in a local Google, as its callers see it through Hosting. */
export class Site {
  readonly #google: LocalGoogle;
  readonly adminKey: string;

  constructor(google: LocalGoogle, adminKey: string) {
    this.#google = google;
    this.adminKey = adminKey;
  }

  async call(method: string, path: string, body?: object, key = this.adminKey): Promise<Reply> {
    const headers = { 'X-API-Key': key, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(this.#url(path), { method, headers, ...sent });
    return { status: answer.status, json: (await answer.json()) as Reply['json'] };
  }

  createTask(taskId: string): Promise<void> {
    const task = { task_id: taskId, task_type: 'x', required_miner_count: 2, assigned_miners: [1, 2] };
    return this.#accepted('/v1/tasks?visibility=prompt', task);
  }

  answer(taskId: string, uid: number, key?: string): Promise<void> {
    const answer = { task_id: taskId, miner_uid: uid, response_data: { by: uid } };
    return this.#accepted('/v1/responses?visibility=prompt', answer, key);
  }

  operate(operation: object): Promise<void> {
    return this.#accepted('/v1/operations?visibility=prompt', { operations: [operation] });
  }

  /** Uids of the miners whose answers can be read; none of a task that there is not yet. */
  async answersOf(taskId: string): Promise<number[]> {
    const { json } = await this.call('GET', `/v1/tasks/${taskId}`);
    return Object.keys(json['miner_responses'] ?? {}).map(Number);
  }

  /** Has all written that was accepted before. While something is spooled that cannot be told. */
  flush(): Promise<void> {
    return this.until('all is written', async () => {
      const { json } = await this.call('POST', '/v1/flush?wait=true');
      return json['done'] === true;
    });
  }

  /** Has all written that was accepted before, by the own address of a function. */
  async flushAt(address: string): Promise<void> {
    const url = this.#google.reach(`${address}/v1/flush`);
    const answer = await fetch(url, { method: 'POST', headers: { 'X-API-Key': this.adminKey } });
    assert.equal(answer.status, 202);
  }

  async upload(content: string): Promise<string> {
    const headers = { 'X-API-Key': this.adminKey, 'X-File-Name': 'a.txt', 'X-File-Type': 'documents' };
    const answer = await fetch(this.#url('/v1/files'), { method: 'POST', headers, body: content });
    const { file_url: path } = (await answer.json()) as { file_url?: string };
    return path ?? assert.fail(`${answer.status}`);
  }

  async download(path: string): Promise<string> {
    const answer = await fetch(this.#url(path), { headers: { 'X-API-Key': this.adminKey } });
    assert.equal(answer.status, 200);
    return answer.text();
  }

  /** Calls Cloud Tasks about a queue, as somebody with gcloud does. */
  async ask(queue: string, verb: 'get' | 'pause' | 'resume'): Promise<Record<string, unknown>> {
    const url = this.#google.reach(`https://cloudtasks.googleapis.com/v2/${queue}`);
    const answer = verb === 'get' ? fetch(url) : fetch(`${url}:${verb}`, { method: 'POST' });
    return (await (await answer).json()) as Record<string, unknown>;
  }

  async until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries += 1) {
      if (await isSo()) return;
      await sleep(250);
    }
    throw new Error(`Waited in vain until ${what}.`);
  }

  #url(path: string): string {
    return this.#google.reach(`https://${this.#google.project.id}.web.app${path}`);
  }

  async #accepted(path: string, body: object, key?: string): Promise<void> {
    const { status, json } = await this.call('POST', path, body, key);
    assert.equal(status, 202, JSON.stringify(json));
  }
}
