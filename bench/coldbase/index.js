// The usual function: the Admin SDK's Firestore imported at the top, one document written a request.
import { initializeApp } from 'firebase-admin/app';
import { getFirestore } from 'firebase-admin/firestore';
import { onRequest } from 'firebase-functions/v2/https';

const database = getFirestore(initializeApp());

export const usual = onRequest({ region: 'us-central1', concurrency: 300 }, async (request, response) => {
  await database.collection('responses').add(request.body);
  response.status(202).json({ accepted: 1 });
});
