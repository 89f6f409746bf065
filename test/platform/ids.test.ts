import assert from 'node:assert/strict';
import { hashedUuid, randomIds, secretUuid } from '../../functions/src/platform/ids.ts';

const version8 = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('ids', () => {
  it('of a process are eight characters of a stamp, another each time', () => {
    const instances = Array.from({ length: 1_000 }, () => randomIds.instance());
    assert.ok(instances.every((instance) => /^[0-9a-z]{8}$/.test(instance)));
    assert.equal(new Set(instances).size, 1_000);
    assert.notEqual(randomIds.uuid(), randomIds.uuid());
  });

  it('of parts are the same UUID for the same parts, and no other’s, however they are cut', () => {
    for (const make of [hashedUuid, (...parts: string[]) => secretUuid('secret', ...parts)]) {
      const made = [make('a', 'b'), make('ab'), make('a', '', 'b'), make('b', 'a'), make('1:a', 'b'), make()];
      assert.equal(new Set(made).size, made.length);
      assert.ok(made.every((id) => version8.test(id)));
      assert.equal(make('a', 'b'), made[0]);
    }
  });

  it('of a secret are nobody’s who does not have it', () => {
    const made = [secretUuid('one', 'a'), secretUuid('two', 'a'), hashedUuid('a'), hashedUuid('one', 'a')];
    assert.equal(new Set(made).size, made.length);
  });
});
