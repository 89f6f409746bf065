/** `npm run cost -- --tasks-per-day N …`: a month's bill for an operator's own figures. */
import { readArguments, UsageError, usageText } from './arguments.ts';
import { readCoefficients } from './coefficientsFile.ts';
import { linesOf, reportOn } from './report.ts';

try {
  const asked = readArguments(process.argv.slice(2));
  if (asked === 'help') console.log(usageText);
  else {
    const report = reportOn(asked.traffic, readCoefficients());
    console.log(asked.isJson ? JSON.stringify(report, undefined, 2) : linesOf(report).join('\n'));
  }
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${usageText}`);
  process.exitCode = 1;
}
