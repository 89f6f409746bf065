import { ApiError } from '../feed/api.ts';

/** Says why a key was not taken, and what to do. */
export function signInTrouble(error: unknown): string {
  if (!(error instanceof ApiError)) return 'Something failed in this page. Load it again.';
  switch (error.status) {
    case 401:
      return 'Sluice does not know this key. Take one that npm start or npm run deploy printed, or have one made.';
    case 403:
      return `${error.message} Take a key of role read, proxy or admin.`;
    case 0:
      return `${error.message} Try again soon; the key was not judged.`;
    default:
      return `Sluice cannot answer now: ${error.message} The key was not judged.`;
  }
}
