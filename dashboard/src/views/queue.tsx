import { useEffect, useState } from 'preact/hooks';
import type { ViewProps } from '../feed/view.ts';
import { Button } from '../ui/button.tsx';
import { Confirm } from '../ui/confirm.tsx';
import { time } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Notice } from '../ui/notice.tsx';
import { Section } from '../ui/section.tsx';
import { useAction } from './action.ts';
import { type FlushAnswer, flushResult, localInput, maxPauseMs, pauseEnd, usualEnd } from './pause.ts';

/** The steering of the queue: write now, pause, resume. */
export function Queue(props: ViewProps) {
  return (
    <>
      <FlushNow {...props} />
      {props.role === 'admin' && <Pausing {...props} />}
    </>
  );
}

function FlushNow({ api, feed, nowMs, refresh, announce }: ViewProps) {
  const isPaused = feed.status?.backlog?.parked_reason === 'paused';
  const told = (answer: FlushAnswer) => flushResult(answer, isPaused, (ms) => time(ms, nowMs, true));
  const { state, start } = useAction(async () => {
    const answer = await api.send<FlushAnswer>('POST', '/v1/flush?wait=true');
    announce(told(answer).text);
    refresh({ detail: true });
    return answer;
  });
  const result = state.step === 'done' ? told(state.answer) : undefined;
  return (
    <Section
      title="Write now"
      note="Everything accepted until now is written at the next delivery, instead of when its wait for more is over. It costs a few writes more."
      actions={
        <Button kind="main" busy={state.step === 'busy'} onClick={() => void start()}>
          Write everything now
        </Button>
      }
    >
      {state.step === 'busy' && (
        <p class="progress">
          <progress aria-label="Waiting for the flush" /> Waiting until it is written, 25 s at most …
        </p>
      )}
      {result !== undefined && <Notice tone={result.tone}>{result.text}</Notice>}
      {state.step === 'failed' && <Notice tone="bad">{state.message}</Notice>}
    </Section>
  );
}

function Pausing({ api, feed, nowMs, refresh, announce }: ViewProps) {
  const [input, setInput] = useState<string>();
  const [trouble, setTrouble] = useState<string>();
  const [asked, setAsked] = useState<number>();
  const backlog = feed.status?.backlog;
  const until = backlog?.parked_until;
  const told = useTold(feed);
  const isPaused = told.isPaused ?? backlog?.parked_reason === 'paused';
  const isUnknown = backlog?.queued_carriers == null;
  const chosen = input ?? usualEnd(nowMs);

  const pausing = useAction(async (untilMs: number) => {
    try {
      await api.send('POST', '/v1/queue/pause', { until: new Date(untilMs).toISOString() });
      told.tell(true);
      announce(`Writing is paused until ${time(untilMs, nowMs)}.`);
    } finally {
      setAsked(undefined);
      refreshTwice(refresh);
    }
    return untilMs;
  });
  const resuming = useAction(async () => {
    try {
      await api.send('POST', '/v1/queue/resume');
      told.tell(false);
      announce('Writing goes on.');
    } finally {
      refreshTwice(refresh);
    }
  });
  const submit = (event: Event): void => {
    event.preventDefault();
    const end = pauseEnd(chosen, nowMs);
    setTrouble('message' in end ? end.message : undefined);
    if ('untilMs' in end) {
      resuming.reset();
      setAsked(end.untilMs);
    }
  };

  return (
    <Section
      title="Pause"
      note="Answers are accepted and kept in Cloud Tasks while writing is paused. A pause ends by itself, within 20 days."
      actions={
        (isPaused || isUnknown) && (
          <Button
            kind="main"
            busy={resuming.state.step === 'busy'}
            onClick={() => {
              pausing.reset();
              void resuming.start();
            }}
          >
            Resume writing
          </Button>
        )
      }
    >
      {isPaused && pausing.state.step !== 'done' && (
        <Notice tone="warn">
          Writing is paused
          {until ? (
            <>
              {' '}
              until <Moment ms={Date.parse(until)} nowMs={nowMs} />
            </>
          ) : (
            ''
          )}
          .
        </Notice>
      )}
      <form class="line" onSubmit={submit}>
        <div class="field">
          <label for="pause-until">Pause until, in your time zone</label>
          <input
            id="pause-until"
            type="datetime-local"
            value={chosen}
            min={localInput(nowMs)}
            max={localInput(nowMs + maxPauseMs)}
            aria-invalid={trouble === undefined ? undefined : true}
            aria-describedby="pause-trouble"
            onInput={(event) => setInput(event.currentTarget.value)}
          />
        </div>
        <Button type="submit" busy={pausing.state.step === 'busy'}>
          Pause writing
        </Button>
      </form>
      <div id="pause-trouble" role="alert">
        {trouble !== undefined && <Notice tone="bad">{trouble}</Notice>}
        {pausing.state.step === 'failed' && <Notice tone="bad">{pausing.state.message}</Notice>}
        {resuming.state.step === 'failed' && <Notice tone="bad">{resuming.state.message}</Notice>}
      </div>
      {pausing.state.step === 'done' && (
        <Notice tone="good">
          Paused until {time(pausing.state.answer, nowMs)}. The figures follow within seconds.
        </Notice>
      )}
      {resuming.state.step === 'done' && (
        <Notice tone="good">Writing goes on. The figures follow within seconds.</Notice>
      )}
      {asked !== undefined && (
        <Confirm
          title={`Pause writing until ${time(asked, nowMs)}?`}
          action="Pause"
          busy={pausing.state.step === 'busy'}
          onConfirm={() => void pausing.start(asked)}
          onCancel={() => pausing.state.step === 'busy' || setAsked(undefined)}
        >
          <p>
            Nothing is written to Firestore until then: tasks stay as they are, whatever answers come. The
            answers are kept and written afterwards. You can resume at any time.
          </p>
        </Confirm>
      )}
    </Section>
  );
}

/** Longer than instances answer with the status from memory. */
const statusCacheMs = 6_000;

/** Asks at once, as the request may have failed, and once more when no instance can answer as it was before. */
function refreshTwice(refresh: ViewProps['refresh']): void {
  refresh();
  setTimeout(() => refresh(), statusCacheMs);
}

/**
 * The answer of the last request, which holds until the second status after it: the first one may be from the memory of
 * an instance.
 */
function useTold(feed: ViewProps['feed']): { isPaused: boolean | undefined; tell(isPaused: boolean): void } {
  const [told, setTold] = useState<{ isPaused: boolean; reads: number }>();
  useEffect(() => {
    setTold((before) => (before === undefined || before.reads > 0 ? undefined : { ...before, reads: 1 }));
  }, [feed.readAtMs]);
  return { isPaused: told?.isPaused, tell: (isPaused) => setTold({ isPaused, reads: 0 }) };
}
