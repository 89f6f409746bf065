import type { QuotaMonitor, QuotaWarning } from '../feed/status.ts';
import { compact, number, type Unknown } from '../ui/format.ts';
import { Moment } from '../ui/moment.tsx';
import { Section } from '../ui/section.tsx';

const shownWarnings = 3;

/** Throttling, and the latest warnings of the quota. */
export function Warnings({ quota, nowMs }: { quota: Unknown<QuotaMonitor>; nowMs: number }) {
  const { throttling, warnings } = quota ?? {};
  return (
    <Section title="Throttling and warnings">
      <p>{throttlingText(throttling)}</p>
      {!warnings && <p class="note">Whether there are warnings is unknown.</p>}
      {warnings?.length === 0 && <p class="note">No warnings.</p>}
      {warnings && warnings.length > 0 && (
        <ul class="warnings">
          {warnings.slice(0, shownWarnings).map((warning, index) => (
            <li key={`${warning.at} ${index}`}>
              <WarningText warning={warning} /> <Moment ms={Date.parse(warning.at)} nowMs={nowMs} />
            </li>
          ))}
        </ul>
      )}
      {warnings && warnings.length > shownWarnings && (
        <p class="note">And {number(warnings.length - shownWarnings)} older ones: GET /v1/warnings.</p>
      )}
    </Section>
  );
}

function throttlingText(throttling: QuotaMonitor['throttling']): string {
  if (!throttling) return 'Whether Sluice slows down is unknown.';
  const { enabled, multiplier, max_multiplier: most } = throttling;
  return enabled ? `Slowed ${number(multiplier)}-fold, of at most ${number(most)}.` : 'At full speed.';
}

function WarningText({ warning }: { warning: QuotaWarning }) {
  const { operation_type: type, limit_type: span, current, limit, percentage } = warning;
  return (
    <>
      <strong>
        {type} {span.replaceAll('_', ' ')}
      </strong>{' '}
      {compact(current)} of {compact(limit)}, {number(percentage)} %
    </>
  );
}
