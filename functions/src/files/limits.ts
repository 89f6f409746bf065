/** Most bytes of one body: the platform takes 32 MB (https://cloud.google.com/run/quotas#request_limits). */
export const maxBodyUploadBytes = 30 * 1024 * 1024;

/** Requests at once in one instance: 8 bodies at their largest took 0.46 GB of its 1 GiB. */
export const maxFileRequests = 8;

/** Longest wait for Cloud Storage, and for it to take content: miners that upload wait 30 s in all. */
export const storageMs = 8_000;
export const storagePutMs = 25_000;

/** Longest wait for Firestore, or for Cloud Storage's description of a file, where there is another way. */
export const patienceMs = 4_000;

/** Bytes that a multipart body may have beside the file. */
export const maxMultipartExtraBytes = 64 * 1024;

/** A request for a direct upload, as JSON. */
export const maxUploadRequestBytes = 16 * 1024;

/** A file's bytes in its document, which holds 1 MiB in all (https://cloud.google.com/firestore/quotas#limits). */
export const maxInlineBytes = 1_000_000;

/** A name in UTF-8. All labels of an object take 8 KiB at most (https://cloud.google.com/storage/quotas#objects). */
export const maxFileNameBytes = 255;

/** Age at which temporary files and failed uploads go. */
export const temporaryMs = 24 * 3_600_000;

/** Time for which the document of a deleted file stays: older events about the file find it and lose to it. */
export const deletedMs = 3_600_000;

/** A resumable session ends by itself after a week (https://cloud.google.com/storage/docs/resumable-uploads). */
export const uploadSessionMs = 7 * 86_400_000;

/** Life of a signed address: time enough to begin a download. */
export const signedUrlMs = 15 * 60_000;

/** Time for which signing is not tried again after it failed. */
export const signingPauseMs = 10 * 60_000;

/** A longer answer goes without its length: with one the platform refuses more than 32 MB (same page as above). */
export const maxDeclaredLengthBytes = 30 * 1024 * 1024;

/** Files on a page of a list. */
export const defaultFilesPage = 50;
export const maxFilesPage = 200;

/** Most objects that one list call answers (https://cloud.google.com/storage/docs/json_api/v1/objects/list). */
export const maxObjectsPage = 1_000;

/** Bounds of one cleanup: list calls, and pages of due documents. */
export const maxListedPages = 100;
export const maxDuePages = 5;

/** Time for which a listing of the bucket's files is answered from memory. */
export const listingCacheMs = 60_000;

/** The same for a count of the files in Firestore, for each read that it cost, and after one that failed. */
export const countCacheMs = 15 * 60_000;
export const countRetryMs = 10_000;

/** A process notes no more often that it wrote a file's document, and waits no longer for the note. */
export const noteMs = 3_600_000;
export const noteWaitMs = 1_000;

/**
 * Events may be 45 days old (`maxEventAgeMs` of the flush), as each carry renews the 31 days of Cloud Tasks: an older
 * write is in Firestore, and each hour's note beside it.
 */
export const quietAfterMs = 46 * 86_400_000;
