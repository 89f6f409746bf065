import { billedTypes, type QuotaMonitor } from '../feed/status.ts';
import { compact, number, time, type Unknown } from '../ui/format.ts';
import { Section } from '../ui/section.tsx';
import { type Meter, metersOf, spans } from './limits.ts';

interface OperationsProps {
  quota: Unknown<QuotaMonitor>;
  nowMs: number;
}

const names = { per_second: 'a second', per_minute: 'a minute', per_day: 'today' } as const;

/** Firestore's operations against what Sluice grants of them. */
export function Operations({ quota, nowMs }: OperationsProps) {
  const resetMs = Date.parse(quota?.last_reset ?? '');
  const since = Number.isFinite(resetMs) ? `The day began at ${time(resetMs, nowMs)}. ` : '';
  return (
    <Section
      title="Firestore operations"
      note={`${since}Figures of a second and a minute are the latest that were reported.`}
    >
      <div class="scroll">
        <table class="meters">
          <thead>
            <tr>
              <td />
              {billedTypes.map((type) => (
                <th key={type} scope="col">
                  {type}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {spans.map((span, row) => (
              <tr key={span}>
                <th scope="row">{names[span]}</th>
                {billedTypes.map((type) => {
                  const meter = metersOf(quota, type)[row];
                  return (
                    <td key={type}>{meter && <MeterCell meter={meter} name={`${type} ${names[span]}`} />}</td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}

function MeterCell({ meter, name }: { meter: Meter; name: string }) {
  const { used, limit, share, level } = meter;
  return (
    <>
      <span class="used" title={number(used)}>
        {compact(used)}
      </span>{' '}
      <span class="note" title={typeof limit === 'number' ? number(limit) : undefined}>
        {typeof limit === 'number'
          ? `of ${compact(limit)}`
          : limit === null && used !== undefined
            ? 'no limit'
            : ''}
        {level !== 'calm' && share !== undefined && ` · ${percent(share)}`}
      </span>
      {share !== undefined && <meter class={level} aria-label={name} value={Math.min(1, share)} />}
    </>
  );
}

/** A part of the limit; far past it the figure tells nothing more. */
function percent(share: number): string {
  return share > 9.99 ? '> 999 %' : `${number(share * 100)} %`;
}
