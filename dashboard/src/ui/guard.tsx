import type { ComponentChildren } from 'preact';
import { useErrorBoundary } from 'preact/hooks';
import { Button } from './button.tsx';
import { Notice } from './notice.tsx';

/** Shows in the place of what breaks that it did, so that all else of the page goes on. */
export function Guard({ children }: { children: ComponentChildren }) {
  const [error, retry] = useErrorBoundary();
  if (error === undefined) return <>{children}</>;
  return (
    <Notice tone="bad">
      An answer came that cannot be shown here. <Button onClick={retry}>Try again</Button>
    </Notice>
  );
}
