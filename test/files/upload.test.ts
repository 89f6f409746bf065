import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { finalize } from '../../functions/src/files/finalize.ts';
import { until } from '../support/api.ts';
import type { Answer } from '../support/http.ts';
import { bytesOf, type FilesBackend, startFiles } from './support.ts';

const small = bytesOf(400);
const large = bytesOf(60_000);

describe('uploads in a body', () => {
  let files: FilesBackend;
  before(async () => {
    files = await startFiles();
  });
  after(() => files.close());
  afterEach(() => files.faults.clear());

  const upload = (
    body: Uint8Array<ArrayBuffer> | FormData,
    headers: Record<string, string> = {},
    key = 'ingest-key',
  ): Promise<Answer> =>
    files.server.call('/v1/files', { method: 'POST', headers: { 'x-api-key': key, ...headers }, body });
  const get = (path: string, key = 'read-key') =>
    fetch(files.server.url + path, { headers: { 'x-api-key': key } });
  const idOf = ({ json }: Answer): string => String(json['file_id']);

  const download = async (fileId: string): Promise<Buffer> => {
    const answer = await get(`/api/v1/files/${fileId}/download`, 'miner-key');
    assert.equal(answer.status, 200);
    return Buffer.from(await answer.arrayBuffer());
  };

  it('puts a small file into its document, with one write', async () => {
    files.firestore.resetUsage();
    const answer = await upload(small, {
      'content-type': 'audio/wav',
      'x-file-name': 'r%C3%A9sum%C3%A9.wav',
      'x-file-type': 'transcription',
    });
    assert.equal(answer.status, 201, answer.text);
    const { file_id, created_at, ...rest } = answer.json;
    assert.deepEqual(rest, {
      file_name: 'résumé.wav',
      content_type: 'audio/wav',
      file_type: 'transcription',
      size: 400,
      sha256: createHash('sha256').update(small).digest('hex'),
      md5: null,
      location: 'firestore',
      status: 'stored',
      expires_at: null,
      file_url: `/api/v1/files/${String(file_id)}/download`,
    });
    assert.equal(created_at, new Date(files.clock.now()).toISOString());
    assert.deepEqual(files.firestore.usage(), { reads: 0, writes: 1, deletes: 0 });
    assert.deepEqual(await download(String(file_id)), small);
    assert.deepEqual(await files.names(), []);
  });

  it('puts a large file into Cloud Storage, readable before its document is there, and at no read', async () => {
    const answer = await upload(large, { 'content-type': 'video/mp4', 'x-file-type': 'video' });
    assert.equal(answer.status, 201, answer.text);
    const fileId = idOf(answer);
    assert.equal(answer.json['location'], 'cloud_storage');
    assert.deepEqual(await files.names(), [`user_videos/${fileId}`]);
    files.firestore.resetUsage();
    assert.deepEqual(await download(fileId), large);
    assert.deepEqual(await (await get(`/v1/files/${fileId}`)).json(), answer.json);
    assert.deepEqual(files.firestore.usage(), { reads: 0, writes: 0, deletes: 0 });
  });

  it('writes a large file’s document by its object’s event, the same however often it comes', async () => {
    const fileId = idOf(await upload(large, { 'x-file-type': 'tts', 'x-file-name': 'a.wav' }));
    await files.finalize();
    const [written] = files.index.written.filter(({ record }) => record.fileId === fileId);
    assert.ok(written);
    const object = await files.objects.describe(`tts_audio/${fileId}`);
    assert.ok(object);
    await finalize(files, object, files.clock.now());
    assert.deepEqual(files.index.written.at(-1), written);
    await files.index.flush(files.documents);
    const fields = await files.fields(fileId);
    assert.equal(fields?.['status'], 'stored');
    assert.equal(fields?.['object'], `tts_audio/${fileId}`);
    assert.equal(fields?.['size'], large.length);
    assert.equal(fields?.['sha256'], createHash('sha256').update(large).digest('hex'));
  });

  it('takes a form with one file', async () => {
    const form = new FormData();
    form.set('file_type', 'documents');
    form.set('file', new Blob([small], { type: 'application/pdf' }), 'naïve.pdf');
    const answer = await upload(form);
    assert.equal(answer.status, 201, answer.text);
    assert.equal(answer.json['file_name'], 'naïve.pdf');
    assert.equal(answer.json['content_type'], 'application/pdf');
    assert.deepEqual(await download(idOf(answer)), small);
  });

  it('takes a form whose names stand without quotes', async () => {
    const part = (disposition: string, text: string) =>
      `--x\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n`;
    const body = `${part('name=file_type', 'documents')}${part('name=file; filename=a.txt', 'abc')}--x--\r\n`;
    const answer = await upload(Buffer.from(body), { 'content-type': 'multipart/form-data; boundary=x' });
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual([answer.json['file_type'], answer.json['file_name']], ['documents', 'a.txt']);
  });

  it('takes JSON as a file where a header describes it', async () => {
    const body = Buffer.from('{"a": 1}');
    const answer = await upload(body, { 'content-type': 'application/json', 'x-file-name': 'a.json' });
    assert.equal(answer.status, 201, answer.text);
    assert.deepEqual(await download(idOf(answer)), body);
  });

  it('takes what is null or empty as not said', async () => {
    const form = new FormData();
    for (const name of ['file_name', 'file_type', 'sha256']) form.set(name, '');
    form.set('file', new Blob([small], { type: 'text/plain' }), 'a.txt');
    const asked = { file_name: 'a.txt', content_type: '', size: 5, file_type: null, sha256: '' };
    const headers = { 'x-file-name': '', 'x-file-type': '', 'x-file-sha256': '', 'idempotency-key': '' };
    const named = { ...headers, 'content-disposition': 'attachment; filename="a.txt"' };
    for (const answer of [
      await upload(form, headers),
      await upload(small, named),
      await upload(Buffer.from(JSON.stringify(asked)), { ...headers, 'content-type': 'application/json' }),
    ]) {
      assert.equal(answer.status, 201, answer.text);
      assert.deepEqual([answer.json['file_name'], answer.json['file_type']], ['a.txt', 'temp']);
    }
    assert.equal((await get('/v1/files?file_type=&limit=&cursor=')).status, 200);
  });

  it('keeps what has no other type for a day', async () => {
    const answer = await upload(small);
    assert.equal(answer.json['file_type'], 'temp');
    assert.equal(answer.json['expires_at'], new Date(files.clock.now() + 86_400_000).toISOString());
  });

  it('makes one file of a repeated upload with the same Idempotency-Key', async () => {
    for (const bytes of [small, large]) {
      const headers = { 'idempotency-key': `key-${bytes.length}`, 'x-file-type': 'audio' };
      const [first, second] = [await upload(bytes, headers), await upload(bytes, headers)];
      assert.equal(first.status, 201, first.text);
      assert.deepEqual(second.json, first.json);
      const other = await upload(bytesOf(bytes.length, 9), headers);
      assert.equal(other.status, 409, other.text);
      assert.deepEqual(await download(idOf(first)), bytes);
    }
  });

  describe('while Firestore is out', () => {
    for (const code of [8, 14]) {
      it(`takes small files all the same, in Cloud Storage (gRPC status ${code})`, async () => {
        files.fail('firestore', code);
        const pending = upload(small, { 'x-file-type': 'tts', 'x-file-name': 'a.wav' });
        await until(() => files.clock.nextDueMs() !== undefined);
        files.clock.moveTo(files.clock.offsetMs() + 4_000);
        const answer = await pending;
        assert.equal(answer.status, 201, answer.text);
        assert.equal(answer.json['location'], 'cloud_storage');
        assert.deepEqual(await download(idOf(answer)), small);
        files.faults.clear();
        await files.finalize();
        await files.index.flush(files.documents);
        assert.equal((await files.fields(idOf(answer)))?.['location'], 'cloud_storage');
        assert.deepEqual(await download(idOf(answer)), small);
      }).timeout(20_000);
    }

    it('makes one file of a write that was done although its answer was lost', async () => {
      files.fail('firestore', 14, { phase: 'after', method: 'Commit' });
      const answer = await upload(small, { 'x-file-type': 'audio' });
      assert.equal(answer.status, 201, answer.text);
      files.faults.clear();
      assert.deepEqual(await download(idOf(answer)), small);
      await files.finalize();
      await files.index.flush(files.documents);
      const fields = await files.fields(idOf(answer));
      const found = [fields?.['location'], fields?.['content'] !== undefined];
      const names = (await files.names()).filter((name) => name.endsWith(idOf(answer)));
      // Whether the client found out by itself or not: the bytes are in one place.
      assert.deepEqual(found, names.length === 0 ? ['firestore', true] : ['cloud_storage', false]);
    }).timeout(20_000);
  });

  it('answers 503 and keeps nothing known while Cloud Storage is out', async () => {
    const before = await files.names();
    files.fail('storage', 400);
    const answer = await upload(large, { 'x-file-type': 'audio' });
    assert.equal(answer.status, 503, answer.text);
    assert.ok(answer.headers.get('retry-after'));
    files.faults.clear();
    assert.deepEqual(await files.names(), before);
  });

  describe('refuses, and keeps nothing', () => {
    let names: string[];
    let ids: string[];
    beforeEach(async () => {
      names = await files.names();
      ids = await files.documentIds();
    });
    afterEach(async () => {
      assert.deepEqual(await files.names(), names);
      assert.deepEqual(await files.documentIds(), ids);
    });
    const refuse = (answer: Answer, status: number, detail: RegExp): void => {
      assert.equal(answer.status, status, answer.text);
      assert.match(String(answer.json['detail']), detail);
    };

    it('an empty file', async () => {
      refuse(await upload(Buffer.alloc(0), { 'x-file-name': 'a' }), 400, /empty/);
      const form = new FormData();
      form.set('file', new Blob([]), 'a');
      refuse(await upload(form), 400, /empty/);
    });
    it('a field that is there twice', async () => {
      const form = new FormData();
      form.set('file', new Blob([small]), 'a');
      for (const type of ['audio', 'document']) form.append('file_type', type);
      refuse(await upload(form), 400, /twice/);
    });
    it('another hash than the declared one', async () => {
      const headers = { 'x-file-sha256': 'ab'.repeat(32) };
      refuse(await upload(small, headers), 400, /was declared/);
      refuse(await upload(large, headers), 400, /was declared/);
      refuse(await upload(small, { 'x-file-sha256': 'short' }), 400, /64 hexadecimal/);
    });
    it('paths for names', async () => {
      for (const name of ['../a', 'a/b', '..', '.', 'a\\b', 'a%00b', '%C3%A9%2fa', 'x'.repeat(256)]) {
        refuse(await upload(small, { 'x-file-name': name }), 400, /file.name/);
      }
      const form = new FormData();
      form.set('file', new Blob([small]), '../../etc/passwd');
      refuse(await upload(form), 400, /file_name/);
    });
    it('a type that there is not', async () => {
      refuse(await upload(small, { 'x-file-type': 'spreadsheet' }), 400, /expected one of transcription/);
      refuse(await upload(small, { 'x-file-type': 'constructor' }), 400, /expected one of/);
    });
    it('what is no media type', async () => {
      refuse(await upload(small, { 'content-type': 'wav' }), 400, /media type/);
      // Whatever is in a part's header would be in the answer's.
      const head = 'Content-Disposition: form-data; name="f"; filename="a"\r\nContent-Type: a/b\n;c';
      const type = { 'content-type': 'multipart/form-data; boundary=x' };
      refuse(await upload(Buffer.from(`--x\r\n${head}\r\n\r\nabc\r\n--x--\r\n`), type), 400, /media type/);
    });
    it('a form without a file, with two, or cut off', async () => {
      const form = new FormData();
      form.set('file_type', 'audio');
      refuse(await upload(form), 400, /one file/);
      form.set('file', new Blob([small]), 'a');
      form.set('more', new Blob([small]), 'b');
      refuse(await upload(form), 400, /one file/);
      const type = { 'content-type': 'multipart/form-data; boundary=x' };
      const whole = '--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc\r\n--x--\r\n';
      assert.equal((await upload(Buffer.from(whole), type)).status, 201);
      ids = await files.documentIds();
      for (const length of [10, 60, 70, whole.length - 8]) {
        refuse(await upload(Buffer.from(whole.slice(0, length)), type), 400, /Malformed/);
      }
      refuse(await upload(small, { 'content-type': 'multipart/form-data' }), 400, /no boundary/);
    });
    it('more than a body may have', async () => {
      const body = Buffer.alloc(30 * 1024 * 1024 + 1);
      refuse(await upload(body, { 'x-file-name': 'a' }), 413, /direct upload/);
    });
    it('the same where no header tells the length', async () => {
      const piece = Buffer.alloc(1024 * 1024);
      let left = 34;
      const body = new ReadableStream({
        pull: (controller) => {
          left -= 1;
          if (left < 0) controller.close();
          else controller.enqueue(piece);
        },
      });
      const headers = { 'x-file-name': 'a', 'content-type': 'audio/wav', 'x-api-key': 'ingest-key' };
      const init = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
      refuse(await files.server.call('/v1/files', init), 413, /larger than/);
    });
    it('what is cut off', async () => {
      const { hostname, port } = new URL(files.server.url);
      const socket = connect(Number(port), hostname);
      const head = ['POST /v1/files HTTP/1.1', 'Host: x', 'X-API-Key: ingest-key', 'Content-Type: audio/wav'];
      socket.write(`${[...head, 'Content-Length: 400'].join('\r\n')}\r\n\r\n`);
      socket.end(small.subarray(0, 100));
      let answer = '';
      for await (const text of socket.setEncoding('latin1')) answer += text;
      assert.doesNotMatch(answer, /^HTTP\/1.1 2/);
    });
    it('requests for an upload that say too little, too much, or nonsense', async () => {
      const asked = { file_name: 'a', content_type: 'audio/wav', size: 5, file_type: 'audio' };
      const type = { 'content-type': 'application/json' };
      for (const [change, status, detail] of [
        [{ size: 0 }, 400, /empty/],
        [{ size: -5 }, 400, /empty/],
        [{ size: '5' }, 400, /number of bytes/],
        [{ size: 41 * 1024 * 1024 }, 413, /the most/],
        [{ file_name: '../a' }, 400, /file_name/],
        [{ file_type: 'nonsense' }, 400, /expected one of/],
        [{ content_type: 'a/b\r\nx: y' }, 400, /media type/],
        [{ sha256: 'abc' }, 400, /sha256/],
        [{ more: 1 }, 400, /Unknown field/],
      ] as const) {
        const body = Buffer.from(JSON.stringify({ ...asked, ...change }));
        refuse(await upload(body, type), status, detail);
      }
      refuse(await upload(Buffer.from('[]'), type), 400, /expected an object, got a list/);
      refuse(await upload(Buffer.from('{'), type), 400, /Malformed JSON/);
    });
    it('keys that may not', async () => {
      refuse(await upload(small, {}, 'read-key'), 403, /cannot/);
    });
  });
});
