import { useState } from 'preact/hooks';

/**
 * Copies a text to the clipboard. `isCopied` is undefined until somebody asked for it, and false where the browser
 * forbids it, as it does on an address without TLS; `copy` tells the same.
 */
export function useCopy(text: string): { isCopied: boolean | undefined; copy(): Promise<boolean> } {
  const [isCopied, setCopied] = useState<boolean>();
  const copy = async (): Promise<boolean> => {
    let isDone = true;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      isDone = false;
    }
    setCopied(isDone);
    return isDone;
  };
  return { isCopied, copy };
}
