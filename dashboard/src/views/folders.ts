/** Files in Cloud Storage of one folder. */
interface Folder {
  name: string;
  files: number;
  bytes: number;
  /** Its part of all bytes, 0 to 1. */
  share: number;
}

/** Folders by their bytes, the largest first, the empty ones last by name; undefined where they are unknown. */
export function foldersOf(stored: unknown): Folder[] | undefined {
  if (typeof stored !== 'object' || stored === null) return undefined;
  const found = Object.entries(stored).map(([name, totals]) => {
    const { files = 0, bytes = 0 } = (totals ?? {}) as { files?: number; bytes?: number };
    return { name, files, bytes };
  });
  const all = found.reduce((sum, { bytes }) => sum + bytes, 0);
  return found
    .map((folder) => ({ ...folder, share: all === 0 ? 0 : folder.bytes / all }))
    .sort((a, b) => b.bytes - a.bytes || b.files - a.files || (a.name < b.name ? -1 : 1));
}
