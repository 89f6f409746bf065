import type { ComponentChildren } from 'preact';
import type { Tone } from './tone.ts';

const signs: Record<Tone, string> = { good: '✓', info: 'i', warn: '!', bad: '×' };

/** A sentence or two that stand out; the sign says what the colour says. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`}>
      <span class="sign" aria-hidden="true">
        {signs[tone]}
      </span>
      <div>{children}</div>
    </div>
  );
}
