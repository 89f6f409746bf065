import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Heap } from '../../../local/tasks/heap.ts';

describe('Cloud Tasks: the heap of due times', () => {
  it('gives back the least first, whatever was pushed and popped before', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer())), (steps) => {
        const heap = new Heap<number>((a, b) => a < b);
        let model: number[] = [];
        for (const step of steps) {
          model.sort((a, b) => a - b);
          assert.equal(heap.peek(), model[0]);
          if (step === null) {
            assert.equal(heap.pop(), model[0]);
            model = model.slice(1);
          } else {
            heap.push(step);
            model.push(step);
          }
        }
      }),
    );
  });
});
