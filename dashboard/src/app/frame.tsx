import { useEffect, useRef } from 'preact/hooks';
import { skewNote } from '../feed/feed.ts';
import type { session } from '../feed/session.ts';
import { type First, useFeed } from '../feed/useFeed.ts';
import type { View, ViewProps } from '../feed/view.ts';
import { VerdictBanner } from '../overview/verdictBanner.tsx';
import { Button } from '../ui/button.tsx';
import { Guard } from '../ui/guard.tsx';
import { Mark } from '../ui/mark.tsx';
import { Notice } from '../ui/notice.tsx';
import { ThemeSwitch } from '../ui/themeSwitch.tsx';
import { overview, views } from '../views/index.ts';
import { Freshness } from './freshness.tsx';
import { usePlace } from './place.ts';

interface FrameProps {
  apiKey: string;
  /** The answer with which the key was tried; undefined after a reload. */
  first: First | undefined;
  stored: ReturnType<typeof session>;
  /** Leaves the page, and says why. */
  onLeave(why?: string): void;
}

/** The page of who is signed in: banner, navigation, the verdict, and the view that the address names. */
export function Frame({ apiKey, first, stored, onLeave }: FrameProps) {
  const { announcement, skewMs, ...props } = useFeed(apiKey, first, onLeave);
  const place = usePlace();
  const heading = useRef<HTMLHeadingElement>(null);
  const view = views.find(({ id }) => id === place);
  const title = view?.title ?? 'Not found';
  const skew = skewNote(skewMs);
  const shown = views.filter(({ roles }) => roles.includes(props.role));
  useEffect(() => {
    document.title = view === overview ? 'Sluice' : `${title} · Sluice`;
  }, [title, view]);
  const wasAt = useRef(place);
  useEffect(() => {
    // Who follows a link of the navigation goes on reading where it leads.
    if (wasAt.current !== place) heading.current?.focus();
    wasAt.current = place;
  }, [place]);

  return (
    <>
      <header class="bar">
        <a class="skip" href={`#/${place}`} onClick={() => heading.current?.focus()}>
          Skip to the content
        </a>
        <a class="brand" href="#/">
          <Mark />
          Sluice
        </a>
        <nav aria-label="Views">
          <ul>
            {shown.map(({ id, title: name }) => (
              <li key={id}>
                <a href={`#/${id}`} aria-current={id === place ? 'page' : undefined}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <div class="tools">
          <Freshness {...props} />
          <ThemeSwitch stored={stored} />
          <Button kind="quiet" onClick={() => onLeave()}>
            Sign out
          </Button>
        </div>
      </header>
      <main>
        <Guard key="verdict">
          <VerdictBanner {...props} isShort={view !== overview} others={shown} />
        </Guard>
        {skew !== undefined && <Notice tone="warn">{skew}</Notice>}
        <h1 class={view === overview ? 'hidden' : undefined} ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <Guard key={`view ${place}`}>
          <Shown view={view} props={props} />
        </Guard>
      </main>
      <footer>
        <p>
          {props.feed.status?.project_id ?? 'Sluice'}, with a key of role {props.role}.{' '}
          <a href="/docs/">API</a> · <a href="/healthz">health</a>
        </p>
      </footer>
      <div class="hidden" role="status" aria-live="polite">
        <span key={announcement.count}>{announcement.message}</span>
      </div>
    </>
  );
}

function Shown({ view, props }: { view: View | undefined; props: ViewProps }) {
  if (view === undefined) return <Notice tone="info">There is no such view. Choose one above.</Notice>;
  if (props.feed.status === undefined && view !== overview) return null;
  if (!view.roles.includes(props.role)) {
    return (
      <Notice tone="info">
        This takes a key of role {view.roles.join(' or ')}; yours has role {props.role}. Sign out, and in with
        another one.
      </Notice>
    );
  }
  return <view.Shown {...props} />;
}
