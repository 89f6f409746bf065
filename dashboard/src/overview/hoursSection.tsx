import { counted, number, time } from '../ui/format.ts';
import { Section } from '../ui/section.tsx';
import { busiest, type Figure, type Hour } from './hours.ts';
import { HoursChart } from './hoursChart.tsx';

interface HoursSectionProps {
  hours: readonly Hour[] | undefined;
  nowMs: number;
}

const columns: readonly Figure[] = ['responses', 'tasks', 'writes', 'reads', 'deletes'];
const titles: Record<Figure, string> = {
  responses: 'answers',
  tasks: 'tasks',
  writes: 'writes',
  reads: 'reads',
  deletes: 'deletes',
};

/** The latest 24 hours as charts, and as a table for who does not see them. */
export function HoursSection({ hours, nowMs }: HoursSectionProps) {
  if (hours === undefined) {
    return (
      <Section title="The last 24 hours">
        <p class="note">The history is unknown now: the quota's ledger cannot be read.</p>
      </Section>
    );
  }
  const most = busiest(hours, 'responses');
  const note =
    most === undefined
      ? 'No answers were written in these hours.'
      : `Most answers in an hour: ${counted(most.responses, 'answer')}, from ${time(most.startMs, nowMs)} on.`;
  return (
    <Section
      title="The last 24 hours"
      note={`${note} The last hour still runs; its latest minutes may not be reported yet.`}
    >
      <div class="charts">
        <HoursChart
          title="Answers and tasks an hour"
          hours={hours}
          figures={['responses', 'tasks']}
          titles={titles}
        />
        <HoursChart
          title="Firestore operations an hour"
          hours={hours}
          figures={['writes', 'reads', 'deletes']}
          titles={titles}
        />
      </div>
      <details>
        <summary>The same as a table</summary>
        <div class="scroll">
          <table>
            <caption>By the hour, the latest first</caption>
            <thead>
              <tr>
                <th scope="col">from</th>
                {columns.map((figure) => (
                  <th key={figure} scope="col" class="right">
                    {titles[figure]}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...hours].reverse().map((hour) => (
                <tr key={hour.startMs}>
                  <th scope="row">{time(hour.startMs, nowMs)}</th>
                  {columns.map((figure) => (
                    <td key={figure} class="right">
                      {number(hour[figure])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </Section>
  );
}
