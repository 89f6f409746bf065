import type { Fate } from './fate.ts';
import type { Pipeline } from './pipeline.ts';

/** Ends an instance where an operation is reached; what it was working on is delivered again to the next one. */
export function crashAt(pipeline: Pipeline, when: (operation: string) => boolean, fate: Fate): void {
  let isDead = false;
  const doomed = pipeline.start((operation) => {
    if (isDead) return 'died before';
    isDead = when(operation);
    if (!isDead) return 'done';
    queueMicrotask(() => die(new Error('The instance died.')));
    return fate;
  });
  let die = (_error: Error): void => undefined;
  const death = new Promise<never>((_, reject) => {
    die = reject;
  });
  pipeline.tasks.deliver = async ({ queue }, dispatch) => {
    try {
      await Promise.race([doomed[queue](dispatch), death]);
    } catch (error) {
      if (isDead) pipeline.start();
      throw error;
    }
  };
}

/** Starts the instance that meets this fate at one of its calls, by its number from 0. */
export function cutOffAt(pipeline: Pipeline, at: number, fate: Fate): void {
  let call = -1;
  const isIt = (): boolean => {
    call += 1;
    return call === at;
  };
  if (fate.startsWith('died')) crashAt(pipeline, isIt, fate);
  else pipeline.start(() => (isIt() ? fate : 'done'));
}

/**
 * Ends each instance that writes such a document or makes such a call (`documents.commit`); what it was working on is
 * delivered again to the next one.
 */
export function killOn(pipeline: Pipeline, isFatal: (what: string) => boolean): { deaths: number } {
  const seen = { deaths: 0 };
  const next = (): void => {
    let isDead = false;
    let reject = (_error: Error): void => undefined;
    const death = new Promise<never>((_, rejectDeath) => {
      reject = rejectDeath;
    });
    const die = (): Error => {
      const error = new Error('The process died.');
      isDead = true;
      seen.deaths += 1;
      reject(error);
      next();
      return error;
    };
    const instance = pipeline.start((operation) => {
      if (!isDead && isFatal(operation)) die();
      return isDead ? 'died before' : pipeline.decide(operation);
    });
    pipeline.documents.refuse = (path) => {
      if (isFatal(path)) throw die();
      return undefined;
    };
    pipeline.tasks.deliver = async ({ queue }, dispatch) => {
      await Promise.race([instance[queue](dispatch), death]);
    };
  };
  next();
  return seen;
}
