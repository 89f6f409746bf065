import { useState } from 'preact/hooks';
import type { Api } from '../feed/api.ts';
import { Button } from '../ui/button.tsx';
import { bytes, duration, utc } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { aboutOf, isThere, type Letter, type LetterOutcome, reasonOf } from './letters.ts';
import { Long } from './long.tsx';
import { troubleOf } from './trouble.ts';

interface LetterRowProps {
  letter: Letter;
  outcome: LetterOutcome | undefined;
  isChosen: boolean;
  isBusy: boolean;
  nowMs: number;
  api: Api;
  onChoose(isChosen: boolean): void;
  onReplay(): void;
  onDrop(): void;
}

/** One dead letter, with what was done to it. */
export function LetterRow({ letter, outcome, isChosen, isBusy, nowMs, api, ...on }: LetterRowProps) {
  const { id, detail, at, bytes: size } = letter;
  const [whole, setWhole] = useState<{ value: unknown } | { trouble: string } | 'asked'>();
  const about = aboutOf(letter);
  const hasIt = isThere(outcome);
  const look = async (): Promise<void> => {
    if (whole !== undefined) return setWhole(undefined);
    setWhole('asked');
    try {
      setWhole({ value: await api.get<unknown>(`/v1/dead-letters/${id}`) });
    } catch (error) {
      setWhole({ trouble: troubleOf(error, false) });
    }
  };
  return (
    <li class={hasIt ? 'row' : 'row over'}>
      <input
        type="checkbox"
        aria-label={`Select ${about}`}
        checked={isChosen}
        disabled={!hasIt || isBusy}
        onChange={(event) => on.onChoose(event.currentTarget.checked)}
      />
      <div class="row-main">
        <p class="row-title">
          <span class="tag bad">{reasonOf(letter)}</span> <span class="row-about">{about}</span>
        </p>
        <p class="note">
          <time datetime={at} title={utc(Date.parse(at))}>
            {duration(nowMs - Date.parse(at))} ago
          </time>
          {` · ${bytes(size)} · `}
          <code title={id}>{id.slice(0, 12)}…</code>
        </p>
        {detail !== null && detail !== '' && <p class="row-detail">{detail}</p>}
        {outcome?.step === 'failed' && <Notice tone="bad">{outcome.message}</Notice>}
        {outcome?.step === 'replayed' && (
          <Notice tone="good">
            Replayed: it comes to the flush some 10 s later, and back here if it fails again.
          </Notice>
        )}
        {outcome?.step === 'dropped' && (
          <Notice tone="info">Dropped for good. Counts follow within a minute.</Notice>
        )}
        {typeof whole === 'object' && 'value' in whole && (
          <Long value={whole.value} label={`Dead letter ${id}`} />
        )}
        {typeof whole === 'object' && 'trouble' in whole && <Notice tone="bad">{whole.trouble}</Notice>}
      </div>
      <div class="actions">
        <Button
          kind="quiet"
          busy={whole === 'asked'}
          onClick={() => void look()}
          disabled={outcome?.step === 'dropped' || outcome?.step === 'replayed'}
        >
          {whole === undefined ? 'Look' : 'Close'} <span class="hidden">at {about}</span>
        </Button>
        <Button disabled={!hasIt} busy={isBusy} onClick={on.onReplay}>
          Replay <span class="hidden">{about}</span>
        </Button>
        <Button kind="danger" disabled={!hasIt} busy={isBusy} onClick={on.onDrop}>
          Drop <span class="hidden">{about}</span>
        </Button>
      </div>
    </li>
  );
}
