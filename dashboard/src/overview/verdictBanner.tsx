import { useEffect, useRef } from 'preact/hooks';
import type { View, ViewProps } from '../feed/view.ts';
import { Water } from '../ui/water.tsx';
import { type Verdict, verdict } from './verdict.ts';

interface BannerProps extends ViewProps {
  /** True where another view is shown below: the headline alone. */
  isShort: boolean;
  /** The other views that the key may see. */
  others: readonly View[];
}

/** The verdict. Another case of it is said to screen readers, another figure is not. */
export function VerdictBanner({ feed, nowMs, announce, isShort, others }: BannerProps) {
  const found = verdict(feed, nowMs);
  const place = others.find(({ id }) => id === found.place);
  const said = useRef(found.case);
  useEffect(() => {
    // A moment's question is no news.
    if (found.case === 'asking' || said.current === found.case) return;
    if (said.current !== 'asking') announce(`${found.headline}. ${found.detail}`);
    said.current = found.case;
  }, [found.case]);
  return (
    <section class={`verdict ${found.tone} ${isShort ? 'short' : ''}`} aria-label="Is my data safe?">
      <Sign tone={found.tone} />
      <div>
        {!isShort && <p class="question">Is my data safe?</p>}
        <p class="headline">{found.headline}</p>
        {!isShort && found.detail !== '' && (
          <p>
            {found.detail} {place && <a href={`#/${place.id}`}>{place.title}</a>}
          </p>
        )}
        {!isShort && found.also.length > 0 && <p class="also">Also: {found.also.join(' · ')}</p>}
      </div>
      {!isShort && <Water />}
    </section>
  );
}

const shapes: Record<Verdict['tone'], string> = {
  good: 'M8 16.5l5.5 5.5L24.5 10.5',
  info: 'M16 14v9M16 9v.5',
  warn: 'M16 8.5v10M16 23v.5',
  bad: 'M10.5 10.5l11 11M21.5 10.5l-11 11',
  unknown: 'M12 12.5a4 4 0 1 1 5.5 3.7q-1.5 .7-1.5 2.3M16 23v.5',
};

/** A sign of its own shape for each tone, for who sees no colours. */
function Sign({ tone }: { tone: Verdict['tone'] }) {
  return (
    <svg class="sign" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="16" r="15" />
      <path d={shapes[tone]} />
    </svg>
  );
}
