import type { EventEmitter } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDeflateRaw } from 'node:zlib';

/**
 * Compression runs on threads, outside the event loop's order. Counting what is under way makes "nothing more happens
 * until the clock moves" something a test can wait for.
 */
let underWay = 0;

type Transform = (
  this: EventEmitter,
  chunk: unknown,
  encoding: unknown,
  done: (...outcome: unknown[]) => void,
) => void;

function countTransforms(): void {
  let owner: object = createDeflateRaw();
  while (!Object.hasOwn(owner, '_transform')) owner = Object.getPrototypeOf(owner) as object;
  const base = owner as { _transform: Transform };
  const original = base._transform;
  base._transform = function transform(chunk, encoding, done) {
    let isOver = false;
    const over = (): void => {
      if (!isOver) underWay -= 1;
      isOver = true;
    };
    underWay += 1;
    // What ends in an error, such as too much output, is closed without a word.
    this.once('close', over);
    original.call(this, chunk, encoding, (...outcome) => {
      this.off('close', over);
      over();
      done(...outcome);
    });
  };
}

countTransforms();

/** Resolves once all that can run without time passing has run: promises, and compression on its threads. */
export async function idle(): Promise<void> {
  for (let quietTurns = 0; quietTurns < 3; quietTurns += 1) {
    await nextTurn();
    if (underWay > 0) quietTurns = 0;
  }
}
