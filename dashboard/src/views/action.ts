import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { oneAtATime } from './oneAtATime.ts';
import { troubleOf } from './trouble.ts';

/** The state of something that a person asked for. */
type Action<Answer> =
  | { step: 'idle' }
  | { step: 'busy' }
  | { step: 'done'; answer: Answer }
  | { step: 'failed'; message: string };

/** An action with its state. `start` never rejects: a failure is in the state. */
export function useAction<Args extends unknown[], Answer>(work: (...args: Args) => Promise<Answer>) {
  const [state, setState] = useState<Action<Answer>>({ step: 'idle' });
  const latest = useRef(work);
  latest.current = work;
  const isThere = useRef(true);
  useEffect(() => {
    return () => {
      isThere.current = false;
    };
  }, []);
  const start = useMemo(() => {
    const show = (next: Action<Answer>): void => {
      if (isThere.current) setState(next);
    };
    return oneAtATime(async (...args: Args): Promise<void> => {
      show({ step: 'busy' });
      try {
        show({ step: 'done', answer: await latest.current(...args) });
      } catch (error) {
        show({ step: 'failed', message: troubleOf(error) });
      }
    });
  }, []);
  return { state, start, reset: () => setState({ step: 'idle' }) };
}
