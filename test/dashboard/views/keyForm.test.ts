import assert from 'node:assert/strict';
import {
  boundTo,
  foundKeys,
  isBindable,
  type KeyFields,
  nameOf,
  noFields,
  wantedKey,
} from '../../../dashboard/src/views/keyForm.ts';
import { roles } from '../../../functions/src/http/roles.ts';
import { maxBound } from '../../../functions/src/keys/limits.ts';

const wanted = (fields: Partial<KeyFields>) => wantedKey({ ...noFields, ...fields });

describe('the form of a key', () => {
  it('asks for what is filled in, and for nothing else', () => {
    assert.deepEqual(wanted({ role: 'read' }), { wanted: { role: 'read' } });
    assert.deepEqual(wanted({ label: ' miner 7 ', uids: '7', hotkeys: '5F a,5G\n5H' }), {
      wanted: { role: 'miner', label: 'miner 7', uids: [7], hotkeys: ['5F', 'a', '5G', '5H'] },
    });
  });

  it('takes ranges of uids, each once', () => {
    assert.deepEqual(wanted({ uids: '9, 3-5 4;0' }), { wanted: { role: 'miner', uids: [9, 3, 4, 5, 0] } });
    assert.deepEqual(wanted({ uids: '65535' }), { wanted: { role: 'miner', uids: [65_535] } });
  });

  it('says what no uid is', () => {
    for (const uids of ['65536', '-1', '7.5', 'x', '9-3', '1-', '99999-999999']) {
      const found = wanted({ uids });
      assert.ok('field' in found && found.field === 'uids', uids);
    }
  });

  it('takes no more than a key may be bound to', () => {
    assert.ok('wanted' in wanted({ uids: `1-${maxBound}` }));
    assert.deepEqual(wanted({ uids: `0-${maxBound}` }), { field: 'uids', message: 'At most 4096 uids.' });
  });

  it('wants uids beside hotkeys', () => {
    const found = wanted({ hotkeys: '5F' });
    assert.ok('field' in found && /does not say for which miner/.test(found.message));
  });

  it('leaves out what the role cannot be bound to', () => {
    assert.deepEqual(wanted({ role: 'proxy', uids: 'x', hotkeys: '5F' }), { wanted: { role: 'proxy' } });
    assert.deepEqual(wanted({ role: 'validator', uids: '3', hotkeys: '5F' }), {
      wanted: { role: 'validator', uids: [3] },
    });
    assert.deepEqual(
      roles.filter((role) => isBindable(role, 'uids')),
      ['miner', 'validator'],
    );
  });
});

describe('a listed key', () => {
  it('is named by its label, else by its id', () => {
    assert.deepEqual([{ id: 'k', label: 'mine' }, { id: 'k' }, { id: 'k', label: '' }].map(nameOf), [
      'mine',
      'k',
      'k',
    ]);
  });

  it('tells whom it speaks for', () => {
    assert.equal(boundTo({}), undefined);
    assert.equal(boundTo({ uids: [9, 7, 8, 20] }), 'uids 7-9, 20');
    assert.equal(boundTo({ uids: [0], hotkeys: ['5F'] }), 'uid 0, 1 hotkey');
    assert.equal(boundTo({ uids: [0, 2, 4, 6, 8, 10, 12] }), 'uids 0, 2, 4, 6, 8, 10 and more');
  });

  it('is found by each word of a search', () => {
    const keys = [
      { id: 'a', role: 'miner', label: 'Miner seven', uids: [7] },
      { id: 'b', role: 'proxy', label: 'Frankfurt' },
    ];
    const idsOf = (search: string): string[] => foundKeys(keys, search).map(({ id }) => id);
    assert.deepEqual(['', 'miner SEVEN', 'frank', '7', 'miner frank'].map(idsOf), [
      ['a', 'b'],
      ['a'],
      ['b'],
      ['a'],
      [],
    ]);
  });
});
