import { useMemo, useRef, useState } from 'preact/hooks';
import type { session } from '../feed/session.ts';
import type { First } from '../feed/useFeed.ts';
import { Frame } from './frame.tsx';
import { SignIn } from './signIn.tsx';

/** The sign-in, or the page behind it. */
export function App({ stored }: { stored: ReturnType<typeof session> }) {
  const [key, setKey] = useState(stored.key());
  const [first, setFirst] = useState<First>();
  const [message, setMessage] = useState<string>();
  const current = useRef(key);
  current.current = key;
  const actions = useMemo(() => {
    const leave = (left: string, why?: string): void => {
      // An answer to a key that was left before tells nothing of the one that is here now.
      if (current.current !== left) return;
      stored.forgetKey();
      setFirst(undefined);
      setMessage(why);
      setKey(undefined);
    };
    return {
      leave,
      enter: (entered: string, answer: First): void => {
        stored.keepKey(entered);
        setMessage(undefined);
        setFirst(answer);
        setKey(entered);
      },
    };
  }, []);

  if (key === undefined) return <SignIn message={message} onEnter={actions.enter} />;
  const leave = (why?: string): void => actions.leave(key, why);
  return <Frame key={key} apiKey={key} first={first} stored={stored} onLeave={leave} />;
}
