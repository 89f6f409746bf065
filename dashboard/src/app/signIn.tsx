import { useEffect, useRef, useState } from 'preact/hooks';
import { canBeKey } from '../feed/api.ts';
import { browserClient } from '../feed/client.ts';
import type { Status } from '../feed/status.ts';
import type { First } from '../feed/useFeed.ts';
import { Button } from '../ui/button.tsx';
import { Mark } from '../ui/mark.tsx';
import { Notice } from '../ui/notice.tsx';
import { Water } from '../ui/water.tsx';
import { signInTrouble } from './signInTrouble.ts';

interface SignInProps {
  /** Says why the page is left. */
  message: string | undefined;
  onEnter(key: string, first: First): void;
}

/** Asks for a key and tries it. The key goes nowhere but into a request's header and this tab's session storage. */
export function SignIn({ message, onEnter }: SignInProps) {
  const [text, setText] = useState('');
  const [isShown, setShown] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(message);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    const key = text.trim();
    if (isBusy) return;
    if (!canBeKey(key)) {
      setTrouble(key === '' ? 'Enter a key.' : 'This is no key: it has characters that none has.');
      field.current?.focus();
      return;
    }
    setBusy(true);
    try {
      let offsetMs = 0;
      const client = browserClient(key, {
        onTime: (serverMs, browserMs) => {
          offsetMs = serverMs - browserMs;
        },
      });
      onEnter(key, { status: await client.get<Status>('/v1/status'), offsetMs });
    } catch (error) {
      setTrouble(signInTrouble(error));
      setBusy(false);
      field.current?.focus();
    }
  };

  return (
    <main class="sign-in">
      <div class="title">
        <Mark />
        <h1>Sluice</h1>
      </div>
      <form class="card" onSubmit={(event) => void submit(event)}>
        <label for="key">API key</label>
        <div class="with-action">
          <input
            ref={field}
            id="key"
            name="sluice-key"
            {...(isShown ? { type: 'text' as const } : { type: 'password' as const })}
            value={text}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            aria-invalid={trouble === undefined ? undefined : true}
            aria-describedby="key-trouble key-note"
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <Button kind="quiet" onClick={() => setShown(!isShown)} pressed={isShown}>
            Show
          </Button>
        </div>
        <div id="key-trouble" role="alert">
          {trouble !== undefined && <Notice tone="bad">{trouble}</Notice>}
        </div>
        <Button kind="main" type="submit" busy={isBusy}>
          Sign in
        </Button>
        <p class="note" id="key-note">
          A key of role read, proxy or admin; you see what it may do. It stays in this tab and goes when you
          close it.
        </p>
      </form>
      <Water />
    </main>
  );
}
