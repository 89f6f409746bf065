// A function that does nothing.
import { onRequest } from 'firebase-functions/v2/https';

export const empty = onRequest({ region: 'us-central1', concurrency: 300 }, (_request, response) => {
  response.status(202).json({ accepted: 1 });
});
