import { useEffect, useRef, useState } from 'preact/hooks';
import { roles } from '../../../functions/src/http/roles.ts';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { Notice } from '../ui/notice.tsx';
import { Section } from '../ui/section.tsx';
import { useCopy } from '../ui/useCopy.ts';
import { useAction } from './action.ts';
import { isBindable, type KeyFields, type NewKey, nameOf, noFields, rightsOf, wantedKey } from './keyForm.ts';

interface MakeKeyProps extends Pick<ViewProps, 'api' | 'announce'> {
  /** Called once a key was made, or may have been. */
  onMade(): Promise<void>;
}

/** The form that makes a key, and the one time that it is shown. */
export function MakeKey({ api, announce, onMade }: MakeKeyProps) {
  const [fields, setFields] = useState<KeyFields>(noFields);
  const [wrong, setWrong] = useState<{ field: string; message: string }>();
  const { state, start, reset } = useAction(async (wanted: object) => {
    try {
      const made = await api.send<NewKey>('POST', '/v1/keys', wanted);
      setFields(noFields);
      announce('The key is made. It is shown this once.');
      return made;
    } finally {
      void onMade();
    }
  });
  const set = (change: Partial<KeyFields>): void => {
    setFields({ ...fields, ...change });
    setWrong(undefined);
  };
  const submit = (event: Event): void => {
    event.preventDefault();
    const found = wantedKey(fields);
    setWrong('wanted' in found ? undefined : found);
    if ('wanted' in found) void start(found.wanted);
    else document.getElementById(`key-${found.field}`)?.focus();
  };
  const invalid = (field: string) => (wrong?.field === field ? true : undefined);

  if (state.step === 'done') return <ShownOnce made={state.answer} onKept={reset} />;
  return (
    <Section
      title="Make a key"
      note="Give each proxy, validator and miner one of its own: then one can be revoked alone."
    >
      <form class="form" onSubmit={submit}>
        <div class="field">
          <label for="key-role">Role</label>
          <select
            id="key-role"
            value={fields.role}
            aria-describedby="key-rights"
            onChange={(event) => set({ role: event.currentTarget.value as KeyFields['role'] })}
          >
            {roles.map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </select>
          <p class="note" id="key-rights">
            {rightsOf[fields.role]}
          </p>
        </div>
        <div class="field">
          <label for="key-label">Label, for you</label>
          <input
            id="key-label"
            value={fields.label}
            maxLength={100}
            onInput={(event) => set({ label: event.currentTarget.value })}
          />
        </div>
        {isBindable(fields.role, 'uids') && (
          <div class="field">
            <label for="key-uids">Speaks for uids alone</label>
            <input
              id="key-uids"
              value={fields.uids}
              placeholder="7, 9, 20-29"
              aria-invalid={invalid('uids')}
              aria-describedby="key-uids-note key-wrong"
              onInput={(event) => set({ uids: event.currentTarget.value })}
            />
            <p class="note" id="key-uids-note">
              Empty: for all of them.
            </p>
          </div>
        )}
        {isBindable(fields.role, 'hotkeys') && (
          <div class="field">
            <label for="key-hotkeys">Sends these hotkeys alone</label>
            <textarea
              id="key-hotkeys"
              rows={2}
              value={fields.hotkeys}
              aria-invalid={invalid('hotkeys')}
              aria-describedby="key-hotkeys-note key-wrong"
              onInput={(event) => set({ hotkeys: event.currentTarget.value })}
            />
            <p class="note" id="key-hotkeys-note">
              Empty: any.
            </p>
          </div>
        )}
        <div role="alert" id="key-wrong">
          {wrong !== undefined && <Notice tone="bad">{wrong.message}</Notice>}
          {state.step === 'failed' && (
            <Notice tone="bad">
              {state.message} A key that was made unseen is in the list below: revoke it.
            </Notice>
          )}
        </div>
        <Button kind="main" type="submit" busy={state.step === 'busy'}>
          Make the key
        </Button>
      </form>
    </Section>
  );
}

/** The key itself, until somebody says that it is kept; the page has it nowhere else. */
function ShownOnce({ made, onKept }: { made: NewKey; onKept(): void }) {
  const { isCopied, copy } = useCopy(made.key);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.select(), []);
  const copyOrSelect = async (): Promise<void> => {
    if (!(await copy())) field.current?.select();
  };
  return (
    <Section title={`The key ${nameOf(made)}`}>
      <Notice tone="warn">
        Copy it now: nobody can show it again, and leaving this view loses it. Whoever has it may do what role{' '}
        {made.role} may, so send it by a safe way.
      </Notice>
      <div class="line">
        <div class="field grow">
          <label for="new-key">Key</label>
          <input
            ref={field}
            id="new-key"
            class="mono"
            readOnly
            value={made.key}
            spellcheck={false}
            onFocus={(event) => event.currentTarget.select()}
          />
        </div>
        <Button kind="main" onClick={() => void copyOrSelect()}>
          Copy
        </Button>
        <Button onClick={onKept}>I have kept it</Button>
      </div>
      <p class="note" role="status">
        {isCopied === true && 'Copied. Clear the clipboard once it is in its place.'}
        {isCopied === false && 'The browser forbids copying here: it is selected, copy it by hand.'}
      </p>
    </Section>
  );
}
