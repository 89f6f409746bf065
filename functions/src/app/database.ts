import { meteredDocuments, OperationMeter } from '../quota/meter.ts';

export const meter = new OperationMeter();

/** The one way to Firestore, loaded when first used. */
export const documents = meteredDocuments(async () => {
  const { firestoreDocuments } = await import('../platform/firestore.ts');
  return firestoreDocuments();
}, meter);
