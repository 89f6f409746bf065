import { useEffect, useState } from 'preact/hooks';

/** The id of the view that the address names, `''` for the overview. */
export function usePlace(): string {
  const [place, setPlace] = useState(placeOf(location.hash));
  useEffect(() => {
    const follow = (): void => setPlace(placeOf(location.hash));
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return place;
}

function placeOf(hash: string): string {
  return hash.replace(/^#\/?/, '').split('?', 1)[0] ?? '';
}
