import { useMemo, useState } from 'preact/hooks';
import { Frame } from './frame.tsx';
import type { session } from './session.ts';
import { SignIn } from './signIn.tsx';
import type { First } from './useFeed.ts';

/** The sign-in, or the page behind it. */
export function App({ stored }: { stored: ReturnType<typeof session> }) {
  const [key, setKey] = useState(stored.key());
  const [first, setFirst] = useState<First>();
  const [message, setMessage] = useState<string>();
  const actions = useMemo(() => {
    const leave = (why?: string): void => {
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
  return <Frame key={key} apiKey={key} first={first} stored={stored} onLeave={actions.leave} />;
}
