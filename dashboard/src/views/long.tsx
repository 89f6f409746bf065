import { number } from '../ui/format.ts';
import { Scroll } from '../ui/scroll.tsx';
import { shownJson } from './shownJson.ts';

/** A value as JSON in a place of its own, cut where it is long. */
export function Long({ value, label, most }: { value: unknown; label: string; most?: number }) {
  const { text, whole } = shownJson(value, most);
  return (
    <div>
      <Scroll label={label}>
        <pre class="long">{text}</pre>
      </Scroll>
      {whole !== undefined && (
        <p class="note">
          The first {number(text.length)} of {number(whole)} characters. The API answers with all of them.
        </p>
      )}
    </div>
  );
}
