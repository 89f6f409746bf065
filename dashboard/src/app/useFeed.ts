import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { ApiError } from './api.ts';
import { browserClient } from './client.ts';
import { emptyFeed, type Feed, wantsDetail, withFailure, withStatus } from './feed.ts';
import type { ViewProps } from './panel.ts';
import { Poller } from './poller.ts';
import type { Role, Status } from './status.ts';

const revoked =
  'Sluice does not know your key any more: it was revoked. Sign in with another and go on where you were.';

/** Asks for the status as long as the page is seen, and gives the views what they need. */
export function useFeed(
  key: string,
  first: Status | undefined,
  onLeave: (why?: string) => void,
): ViewProps & { announcement: string; skewMs: number } {
  /** The server's clock less the browser's. */
  const offsetMs = useRef(0);
  const now = (): number => Date.now() + offsetMs.current;
  const [feed, setFeed] = useState<Feed>(() =>
    first === undefined ? emptyFeed : withStatus(emptyFeed, first, false, now()),
  );
  const [announcement, announce] = useState('');
  const [nowMs, setNowMs] = useState(now);
  const latest = useRef(feed);
  const detailWanted = useRef(false);

  const { api, poller } = useMemo(() => {
    const client = browserClient(key, {
      onTime: (serverMs, browserMs) => {
        offsetMs.current = serverMs - browserMs;
      },
      onUnknownKey: () => onLeave(revoked),
    });
    const show = (next: Feed): void => {
      latest.current = next;
      setFeed(next);
      setNowMs(now());
    };
    const ask = async () => {
      const hasDetail = detailWanted.current || wantsDetail(latest.current, now());
      detailWanted.current = false;
      try {
        const status = await client.get<Status>(`/v1/status${hasDetail ? '?detail=true' : ''}`);
        show(withStatus(latest.current, status, hasDetail, now()));
        return { ok: true } as const;
      } catch (error) {
        const failure = error instanceof ApiError ? error : new ApiError(0, 'internal', String(error));
        if (failure.status === 403) onLeave(failure.message);
        show(withFailure(latest.current, failure, now()));
        return { ok: false, retryAfterMs: failure.retryAfterMs } as const;
      }
    };
    const clock = {
      now: () => Date.now(),
      setTimeout: (run: () => void, ms: number) => window.setTimeout(run, ms),
      clearTimeout: (timer: number) => window.clearTimeout(timer),
    };
    const isVisible = (): boolean => document.visibilityState !== 'hidden';
    return { api: client, poller: new Poller({ clock, isVisible, ask }) };
  }, [key]);

  useEffect(() => {
    const change = (): void => {
      setNowMs(now());
      poller.visibilityChanged();
    };
    document.addEventListener('visibilitychange', change);
    poller.start();
    return () => {
      document.removeEventListener('visibilitychange', change);
      poller.stop();
    };
  }, [poller]);

  const refresh: ViewProps['refresh'] = ({ detail = false } = {}) => {
    detailWanted.current ||= detail;
    poller.askNow();
  };
  const role = (feed.status?.caller?.role ?? 'read') as Role;
  return { api, feed, role, nowMs, refresh, announce, announcement, skewMs: offsetMs.current };
}
