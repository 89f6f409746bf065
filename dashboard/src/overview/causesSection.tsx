import { billedTypes, type QuotaMonitor } from '../feed/status.ts';
import { compact, number, type Unknown } from '../ui/format.ts';
import { Section } from '../ui/section.tsx';
import { topCauses } from './causes.ts';

const shownCauses = 4;

/** The parts of Sluice that took the most operations today. */
export function Causes({ quota }: { quota: Unknown<QuotaMonitor> }) {
  const causes = topCauses(quota, shownCauses);
  return (
    <Section title="Today by cause">
      {causes === undefined && <p class="note">The causes are unknown now.</p>}
      {causes?.length === 0 && <p class="note">No operations yet.</p>}
      {causes !== undefined && causes.length > 0 && (
        <div class="scroll">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">cause</th>
                {billedTypes.map((type) => (
                  <th key={type} scope="col" class="right">
                    {type}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {causes.map(({ name, operations }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {billedTypes.map((type) => (
                    <td key={type} class="right" title={number(operations[type])}>
                      {compact(operations[type])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}
