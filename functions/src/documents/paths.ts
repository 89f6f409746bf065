import { documentPathFault } from '../events/documentPath.ts';
import { quoted } from '../http/fields.ts';
import { AppError } from '../platform/errors.ts';
import { tombstonesCollection } from './state.ts';

/** Collections that are Sluice's own. Their rules of expiry hold for collections of these names at any depth. */
const ownCollections: readonly string[] = ['tasks', 'files', 'quota', tombstonesCollection];

/**
 * Checks that operations may write to the document at a path.
 * @throws AppError `invalid_request` for what is no path, `forbidden` for one that is not to be written to.
 */
export function checkDocumentPath(path: string, collections: readonly string[]): void {
  const fault = documentPathFault(path);
  if (fault !== undefined) throw new AppError('invalid_request', `path: ${quoted(path)}: ${fault}.`);
  const names = path.split('/').filter((_, index) => index % 2 === 0);
  const own = names.find((name) => ownCollections.includes(name));
  if (own !== undefined) {
    throw new AppError('forbidden', `path: collections named ${own} are Sluice’s own.`);
  }
  const [top = ''] = names;
  if (collections.length > 0 && !collections.includes(top)) {
    throw new AppError(
      'forbidden',
      `path: operations may not write to ${quoted(top)} (OPERATIONS_COLLECTIONS).`,
    );
  }
}
