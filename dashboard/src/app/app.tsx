import { useMemo, useState } from 'preact/hooks';
import { Frame } from './frame.tsx';
import { session } from './session.ts';
import { SignIn } from './signIn.tsx';
import type { Status } from './status.ts';

const stored = session(() => window.sessionStorage);

/** The sign-in, or the page behind it. */
export function App() {
  const [key, setKey] = useState(stored.key());
  const [first, setFirst] = useState<Status>();
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
      enter: (entered: string, status: Status): void => {
        stored.keepKey(entered);
        setMessage(undefined);
        setFirst(status);
        setKey(entered);
      },
    };
  }, []);

  if (key === undefined) return <SignIn message={message} onEnter={actions.enter} />;
  return <Frame key={key} apiKey={key} first={first} stored={stored} onLeave={actions.leave} />;
}
