import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Button } from './button.tsx';

interface ConfirmProps {
  title: string;
  /** Says what will happen, and what cannot be undone. */
  children: ComponentChildren;
  /** The word on the button that does it. */
  action: string;
  danger?: boolean;
  busy?: boolean;
  onConfirm(): void;
  onCancel(): void;
}

/** Asks once more, in the browser's own modal dialog: Escape cancels, and the focus goes back to where it was. */
export function Confirm({ title, children, action, danger = false, busy = false, ...on }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        on.onCancel();
      }}
    >
      <h2 id={id}>{title}</h2>
      {children}
      <div class="actions">
        <Button onClick={on.onCancel}>Cancel</Button>
        <Button kind={danger ? 'danger' : 'main'} busy={busy} onClick={on.onConfirm}>
          {action}
        </Button>
      </div>
    </dialog>
  );
}
