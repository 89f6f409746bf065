import { useEffect, useRef, useState } from 'preact/hooks';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { counted, number } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { Section } from '../ui/section.tsx';
import { LetterRow } from './letterRow.tsx';
import {
  forEachLetter,
  isThere,
  type Letter,
  type LetterOutcome,
  type LetterPage,
  lossOf,
  type Outcomes,
  pathOfPage,
} from './letters.ts';
import { oneAtATime } from './oneAtATime.ts';
import { troubleOf } from './trouble.ts';

/** A page of the list: the cursors of this one and those before it, and the letters once they came. */
interface Shown {
  cursors: readonly (string | undefined)[];
  page?: LetterPage;
  trouble?: string;
}

/** Dead letters, a page at a time, however many there are: to look at, replay and drop. */
export function DeadLetters({ api, feed, nowMs, refresh, announce }: ViewProps) {
  const [shown, setShown] = useState<Shown>({ cursors: [undefined] });
  const [outcomes, setOutcomes] = useState<Outcomes>(new Map());
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [asked, setAsked] = useState<readonly Letter[]>();
  const [isBusy, setBusy] = useState(false);
  const question = useRef(0);

  const load = async (cursors: Shown['cursors']): Promise<void> => {
    question.current += 1;
    const own = question.current;
    setShown({ cursors });
    setSelected(new Set());
    setOutcomes(new Map());
    const found = await api
      .get<LetterPage>(pathOfPage(cursors.at(-1)))
      .then((page) => ({ page }))
      .catch((error: unknown) => ({ trouble: troubleOf(error, false) }));
    // Who went on to another page meanwhile sees that one.
    if (own === question.current) setShown({ cursors, ...found });
  };
  useEffect(() => {
    void load([undefined]);
    return () => {
      question.current += 1;
    };
  }, [api]);

  const tell = (id: string, outcome: LetterOutcome): void =>
    setOutcomes((before) => new Map(before).set(id, outcome));
  const run = useRef(
    oneAtATime(
      async (
        ids: readonly string[],
        step: 'replayed' | 'dropped',
        own: Pick<ViewProps, 'api' | 'refresh' | 'announce'>,
      ) => {
        setBusy(true);
        const work = (id: string): Promise<unknown> =>
          step === 'replayed'
            ? own.api.send('POST', `/v1/dead-letters/${id}/replay`)
            : own.api.send('DELETE', `/v1/dead-letters/${id}`);
        const { done, failed } = await forEachLetter(ids, step, work, tell);
        setSelected(new Set());
        setBusy(false);
        setAsked(undefined);
        const result = `${counted(done, 'dead letter')} ${step}`;
        own.announce(failed === 0 ? `${result}.` : `${result}, ${number(failed)} failed.`);
        own.refresh();
      },
    ),
  );
  const start = (letters: readonly Letter[], step: 'replayed' | 'dropped'): void => {
    const ids = letters.map(({ id }) => id);
    void run.current(ids, step, { api, refresh, announce });
  };

  const { page, trouble, cursors } = shown;
  const letters = page?.dead_letters ?? [];
  const open = letters.filter(({ id }) => isThere(outcomes.get(id)));
  const chosen = open.filter(({ id }) => selected.has(id));
  const choose = (id: string, isChosen: boolean): void => {
    const next = new Set(selected);
    if (isChosen) next.add(id);
    else next.delete(id);
    setSelected(next);
  };
  const { count, is_exact: isExact } = feed.status?.dead_letters ?? {};
  const total =
    count === null || count === undefined ? '' : `${number(count)}${isExact ? '' : ' or more'} in all. `;

  return (
    <Section
      title="Events that could not be written"
      note={`${total}Each is kept in the bucket with its reason, and nothing else waits for it. Replay what is mended, drop the rest.`}
      actions={
        <Button onClick={() => void load(cursors)} disabled={isBusy}>
          Load again
        </Button>
      }
    >
      {trouble !== undefined && <Notice tone="bad">{trouble}</Notice>}
      {page === undefined && trouble === undefined && <p class="note">Loading …</p>}
      {page !== undefined && letters.length === 0 && (
        <Notice tone="good">
          {cursors.length === 1 ? 'There are no dead letters.' : 'There are no more.'}
        </Notice>
      )}
      {letters.length > 0 && (
        <>
          <div class="toolbar">
            <label class="check">
              <input
                type="checkbox"
                checked={open.length > 0 && chosen.length === open.length}
                disabled={open.length === 0}
                onChange={(event) =>
                  setSelected(new Set(event.currentTarget.checked ? open.map(({ id }) => id) : []))
                }
              />
              {chosen.length === 0 ? 'All of this page' : `${number(chosen.length)} selected`}
            </label>
            <Button disabled={chosen.length === 0} busy={isBusy} onClick={() => start(chosen, 'replayed')}>
              Replay selected
            </Button>
            <Button
              kind="danger"
              disabled={chosen.length === 0}
              busy={isBusy}
              onClick={() => setAsked(chosen)}
            >
              Drop selected
            </Button>
          </div>
          <ul class="rows">
            {letters.map((letter) => (
              <LetterRow
                key={letter.id}
                letter={letter}
                outcome={outcomes.get(letter.id)}
                isChosen={selected.has(letter.id)}
                isBusy={isBusy}
                nowMs={nowMs}
                api={api}
                onChoose={(isChosen) => choose(letter.id, isChosen)}
                onReplay={() => start([letter], 'replayed')}
                onDrop={() => setAsked([letter])}
              />
            ))}
          </ul>
        </>
      )}
      <nav class="pages" aria-label="Pages of dead letters">
        <Button disabled={cursors.length === 1 || isBusy} onClick={() => void load(cursors.slice(0, -1))}>
          Previous page
        </Button>
        <span>Page {cursors.length}</span>
        <Button
          disabled={page?.next_cursor == null || isBusy}
          onClick={() => void load([...cursors, page?.next_cursor ?? undefined])}
        >
          Next page
        </Button>
      </nav>
      {asked !== undefined && (
        <Confirm
          title={`Drop ${counted(asked.length, 'dead letter')}?`}
          action="Drop for good"
          danger
          busy={isBusy}
          onConfirm={() => start(asked, 'dropped')}
          onCancel={() => isBusy || setAsked(undefined)}
        >
          <p>This loses, for good, what Sluice had accepted:</p>
          <ul class="losses">
            {lossOf(asked).map((loss, index) => (
              <li key={index}>{loss}</li>
            ))}
          </ul>
        </Confirm>
      )}
    </Section>
  );
}
