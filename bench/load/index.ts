import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { LoadOrder, LoadResult } from './protocol.ts';

/** A process that puts load on a port; one order at a time. */
export class LoadProcess {
  readonly #child: ChildProcess = fork(join(import.meta.dirname, 'process.ts'), [], { execArgv: [] });

  run(order: LoadOrder): Promise<LoadResult> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error('The load process ended.'));
      this.#child.once('exit', onExit);
      this.#child.once('message', (result: LoadResult) => {
        this.#child.off('exit', onExit);
        resolve(result);
      });
      this.#child.send(order);
    });
  }

  close(): void {
    this.#child.kill();
  }
}
