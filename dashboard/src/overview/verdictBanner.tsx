import { useEffect, useRef } from 'preact/hooks';
import type { ViewProps } from '../app/panel.ts';
import { verdict } from './verdict.ts';

/** The verdict; another case of it is said to screen readers, another figure is not. */
export function VerdictBanner({ feed, nowMs, announce }: ViewProps) {
  const found = verdict(feed, nowMs);
  const said = useRef(found.case);
  useEffect(() => {
    if (said.current !== found.case) announce(`${found.headline}. ${found.detail}`);
    said.current = found.case;
  }, [found.case]);
  return (
    <section class={`verdict ${found.tone}`} aria-label="Is my data safe?">
      <p class="question">Is my data safe?</p>
      <p class="headline">{found.headline}</p>
      {found.detail !== '' && <p>{found.detail}</p>}
    </section>
  );
}
