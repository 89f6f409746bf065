type Cell = string | number;

/** Lines of a table: the first column to the left, the others to the right. */
export function tableLines(header: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const all = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
}

export function printTable(header: readonly string[], rows: readonly (readonly Cell[])[]): void {
  for (const line of tableLines(header, rows)) console.log(`  ${line}`);
}

export function dollars(amount: number): string {
  return `$${amount.toFixed(amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2)}`;
}
