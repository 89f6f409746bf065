import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';
import { browserClient } from './client.ts';
import { emptyFeed, type Feed, wantsDetail, withFailure, withStatus } from './feed.ts';
import { type Outcome, type PageClock, Poller } from './poller.ts';
import { roleOf, type Status } from './status.ts';
import type { ViewProps } from './view.ts';

const revoked =
  'Sluice does not know your key any more: it was revoked. Sign in with another and go on where you were.';

/** Asks for the status as long as the page is seen, and gives the views what they need. */
export function useFeed(
  key: string,
  first: First | undefined,
  onLeave: (why?: string) => void,
): ViewProps & { announcement: Announcement; skewMs: number } {
  const offsetMs = useRef(first?.offsetMs ?? 0);
  const [feed, setFeed] = useState<Feed>(() => withFirst(first));
  const [nowMs, setNowMs] = useState(() => Date.now() + offsetMs.current);
  const [announcement, setAnnouncement] = useState<Announcement>({ message: '', count: 0 });
  const { api, poller, refresh, announce } = useMemo(() => {
    const now = (): number => Date.now() + offsetMs.current;
    const client = browserClient(key, {
      onTime: (serverMs, browserMs) => {
        offsetMs.current = serverMs - browserMs;
      },
      onUnknownKey: () => onLeave(revoked),
    });
    let latest = feed;
    let isDetailWanted = false;
    const show = (next: Feed): void => {
      latest = next;
      setFeed(next);
      setNowMs(now());
    };
    const ask = async (): Promise<Outcome> => {
      const hasDetail = isDetailWanted || wantsDetail(latest, now());
      isDetailWanted = false;
      try {
        const status = await client.get<Status>(`/v1/status${hasDetail ? '?detail=true' : ''}`);
        show(withStatus(latest, status, hasDetail, now()));
        return { ok: true };
      } catch (error) {
        const failure = error instanceof ApiError ? error : new ApiError(0, 'internal', String(error));
        if (failure.status === 403) onLeave(failure.message);
        show(withFailure(latest, failure, now()));
        return { ok: false, retryAfterMs: failure.retryAfterMs };
      }
    };
    const isVisible = (): boolean => document.visibilityState !== 'hidden';
    const asking = new Poller({ clock: browserClock, isVisible, ask });
    return {
      api: client,
      poller: {
        start: () => asking.start(first !== undefined),
        stop: () => asking.stop(),
        visibilityChanged: () => {
          setNowMs(now());
          asking.visibilityChanged();
        },
      },
      refresh: ({ detail = false } = {}) => {
        isDetailWanted ||= detail;
        asking.askNow();
      },
      announce: (message: string) => setAnnouncement(({ count }) => ({ message, count: count + 1 })),
    };
  }, [key]);

  useEffect(() => {
    document.addEventListener('visibilitychange', poller.visibilityChanged);
    poller.start();
    return () => {
      document.removeEventListener('visibilitychange', poller.visibilityChanged);
      poller.stop();
    };
  }, [poller]);

  const role = roleOf(feed.status);
  return { api, feed, role, nowMs, refresh, announce, announcement, skewMs: offsetMs.current };
}

/** The answer with which a key was tried. */
export interface First {
  status: Status;
  /** The server's clock less the browser's. */
  offsetMs: number;
}

/** A message for screen readers; the count tells the same message, said again, from the first. */
interface Announcement {
  message: string;
  count: number;
}

const browserClock: PageClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => window.setTimeout(run, ms),
  clearTimeout: (timer) => window.clearTimeout(timer as number),
};

function withFirst(first: First | undefined): Feed {
  return first === undefined
    ? emptyFeed
    : withStatus(emptyFeed, first.status, false, Date.now() + first.offsetMs);
}
