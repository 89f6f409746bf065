import type { ComponentChildren } from 'preact';

/** A place that scrolls by itself, which the keyboard therefore must reach. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
    <section class="scroll" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
