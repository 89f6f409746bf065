import type { ComponentChildren } from 'preact';

interface ButtonProps {
  /** `main` for the one action of a form, `danger` for what cannot be undone, `quiet` for the rest of them. */
  kind?: 'main' | 'plain' | 'quiet' | 'danger';
  type?: 'button' | 'submit';
  /** True while what it began goes on: it stays focusable and does nothing. */
  busy?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  /** Its name, where the children are a sign alone; shown as a tooltip too. */
  label?: string;
  onClick?(): void;
  children: ComponentChildren;
}

export function Button({ kind = 'plain', type = 'button', busy = false, ...props }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${kind}`}
      disabled={props.disabled}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      aria-pressed={props.pressed}
      aria-label={props.label}
      title={props.label}
      onClick={busy ? (event) => event.preventDefault() : props.onClick}
    >
      {props.children}
    </button>
  );
}
