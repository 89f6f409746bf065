import type { ViewProps } from '../feed/view.ts';
import { bytes, number } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Notice } from '../ui/notice.tsx';
import { Scroll } from '../ui/scroll.tsx';
import { Section } from '../ui/section.tsx';
import { Bar } from './bar.tsx';
import { foldersOf } from './folders.ts';

/** Files by folder, as the status has them. */
export function Files({ feed, nowMs }: ViewProps) {
  const manager = feed.status?.file_manager;
  const folders = foldersOf(manager?.local_storage);
  const asOf = manager?.as_of;
  return (
    <Section
      title="Files by folder"
      note={
        asOf ? (
          <>
            Counted <Moment ms={Date.parse(asOf)} nowMs={nowMs} />. Large files are in Cloud Storage, small
            ones in Firestore.
          </>
        ) : (
          'Large files are in Cloud Storage, small ones in Firestore.'
        )
      }
    >
      {folders === undefined ? (
        <Notice tone="warn">The bucket could not be listed just now; files are as they were.</Notice>
      ) : (
        <Scroll label="Table of folders">
          <table class="bars">
            <thead>
              <tr>
                <th scope="col">Folder</th>
                <th scope="col" class="right">
                  Files
                </th>
                <th scope="col" class="right">
                  Size
                </th>
              </tr>
            </thead>
            <tbody>
              {folders.map(({ name, files, bytes: size, share }) => (
                <tr key={name}>
                  <th scope="row">
                    <code>{name}</code>
                    <Bar share={share} />
                  </th>
                  <td class="right">{number(files)}</td>
                  <td class="right">{bytes(size)}</td>
                </tr>
              ))}
              <tr>
                <th scope="row">In Firestore</th>
                <td class="right">{number(manager?.firestore_files)}</td>
                <td class="right note">not summed</td>
              </tr>
            </tbody>
            <tfoot>
              <tr>
                <th scope="row">All</th>
                <td class="right">{number(manager?.total_files)}</td>
                <td class="right">
                  {manager?.firestore_files === 0 ? '' : 'at least '}
                  {bytes(manager?.total_bytes)}
                </td>
              </tr>
            </tfoot>
          </table>
        </Scroll>
      )}
    </Section>
  );
}
