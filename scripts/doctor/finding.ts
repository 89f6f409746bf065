/** Outcome of a check: all is well, or what is wrong, and the command that mends it. */
export type Finding = { check: string } & (
  | { isWell: true; detail: string }
  | { isWell: false; detail: string; mend: string }
);

export function well(check: string, detail = ''): Finding {
  return { check, isWell: true, detail };
}

export function wrong(check: string, detail: string, mend: string): Finding {
  return { check, isWell: false, detail, mend };
}

/** One finding for things of which each is well or not. */
export function allOf(check: string, missing: readonly string[], count: number, mend: string): Finding {
  return missing.length === 0 ? well(check, `${count}`) : wrong(check, missing.join('; '), mend);
}
