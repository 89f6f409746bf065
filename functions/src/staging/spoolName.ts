/** The folder of the spool: carriers that Cloud Tasks did not take. */
export const spoolPrefix = 'spool/';

/** The object of a spooled carrier. */
export function spoolName(id: string): string {
  return `${spoolPrefix}${id}.json`;
}

/** True for an object that may be a spooled carrier: the folder may have been there before. */
export function isSpoolName(name: string): boolean {
  return /^spool\/[\w-]+\.json$/.test(name);
}
