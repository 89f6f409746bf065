import assert from 'node:assert/strict';
import { shownJson } from '../../../dashboard/src/views/shownJson.ts';
import {
  answersOf,
  evaluationsOf,
  fieldsOf,
  happeningsOf,
  pathOfTask,
} from '../../../dashboard/src/views/task.ts';

const at = (second: number): string => `2026-03-01T12:00:${String(second).padStart(2, '0')}.000Z`;

/** As `GET /v1/tasks/{id}` answers. */
const task = {
  task_id: 'task-1',
  task_type: 'tts',
  status: 'approved',
  required_miner_count: 2,
  response_count: 2,
  best_response: { miner_uid: 8, score: 0.8 },
  created_at: at(0),
  distributed_at: at(1),
  completed_at: at(6),
  completion_reason: 'responses',
  updated_at: at(8),
  written_at: at(9),
  assigned_miners: [7, 8],
  metadata: { a: 1 },
  model_id: null,
  miner_responses: {
    '7': { miner_uid: 7, submitted_at: at(2), received_at: at(5), accuracy_score: 0.7, response_data: 'hi' },
    '8': { miner_uid: 8, submitted_at: at(6), received_at: at(6), response_body: { bytes: 9_000_000 } },
    '9': { miner_uid: 9, received_at: at(4), counted: false },
  },
  evaluations: { '3': { validator_uid: 3, received_at: at(8), evaluation_data: { score: 1 } } },
};

describe('the history of a task', () => {
  it('has each time that the document keeps, in their order', () => {
    const told = happeningsOf(task).map(({ atMs, what, detail = '' }) =>
      [(atMs - Date.parse(at(0))) / 1000, what, detail].join(' | '),
    );
    assert.deepEqual(told, [
      '0 | Created | tts',
      '1 | Assigned | to miners 7, 8',
      '2 | Miner 7 made its answer | ',
      '4 | Answer of miner 9 accepted | does not count: assigned to others',
      '5 | Answer of miner 7 accepted | ',
      '6 | Answer of miner 8 accepted | ',
      '6 | Completed | enough answers',
      '8 | Evaluation by validator 3 accepted | ',
      '9 | Last written to Firestore | ',
    ]);
  });

  it('leaves out what another system wrote as a time that there is not', () => {
    const foreign = { created_at: 1.7e18, completed_at: -1e300, written_at: at(9) };
    assert.deepEqual(
      happeningsOf(foreign).map(({ what }) => what),
      ['Last written to Firestore'],
    );
  });

  it('says that it failed at its deadline', () => {
    const failed = { status: 'failed', created_at: at(0), completed_at: null, updated_at: at(30) };
    assert.deepEqual(
      happeningsOf(failed).map(({ what }) => what),
      ['Created', 'Failed'],
    );
  });

  it('takes a task of another system as it is', () => {
    const odd = {
      miner_responses: { '1': null, '2': 'text', '3': { received_at: 'yesterday' } },
      evaluations: [{ score: 1 }, null],
      best_response: 'none',
      created_at: 1_772_366_400_000,
    };
    assert.deepEqual(
      happeningsOf(odd).map(({ what }) => what),
      ['Created'],
    );
    assert.deepEqual(
      answersOf(odd).map(({ uid }) => uid),
      ['3'],
    );
    assert.deepEqual(evaluationsOf(odd), [{ uid: '0', data: { score: 1 } }]);
    assert.deepEqual([happeningsOf({}), answersOf({}), evaluationsOf({}), fieldsOf({})], [[], [], [], []]);
  });
});

describe('the answers of a task', () => {
  it('are the best one, those that count as they came, and the others', () => {
    assert.deepEqual(
      answersOf(task).map(({ uid, isBest, counts }) => [uid, isBest, counts]),
      [
        ['8', true, true],
        ['7', false, true],
        ['9', false, false],
      ],
    );
  });

  it('say how large a body is that is left out', () => {
    assert.deepEqual(
      answersOf(task).map(({ leftOutBytes }) => leftOutBytes),
      [9_000_000, undefined, undefined],
    );
  });
});

describe('the fields of a task', () => {
  it('are those that are shown nowhere else', () => {
    assert.deepEqual(fieldsOf(task), [
      ['assigned_miners', [7, 8]],
      ['metadata', { a: 1 }],
    ]);
  });

  it('are cut where they are long', () => {
    assert.deepEqual(shownJson({ a: 1 }), { text: '{\n  "a": 1\n}' });
    assert.deepEqual(shownJson('x'.repeat(30), 10), { text: 'x'.repeat(10), whole: 30 });
    assert.equal(shownJson(undefined).text, '');
  });
});

describe('the address of a task', () => {
  it('names any id', () => {
    assert.equal(pathOfTask('t~1:@x'), '/v1/tasks/t~1%3A%40x');
    assert.equal(pathOfTask('a/../b?c#d'), '/v1/tasks/a%2F..%2Fb%3Fc%23d');
  });

  it('is none where a URL would lead elsewhere', () => {
    for (const id of ['', '.', '..']) assert.equal(pathOfTask(id), undefined);
  });
});
