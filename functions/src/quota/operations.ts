/** The kinds of billed Firestore operation, each with limits of its own. */
export const billedTypes = ['writes', 'reads', 'deletes'] as const;
export type BilledType = (typeof billedTypes)[number];

/** A number for each kind: operations, operations a second, shares. */
export type Operations = Record<BilledType, number>;

export const noOperations: Readonly<Operations> = { writes: 0, reads: 0, deletes: 0 };

/** A value for each kind, computed from its name. */
export function perType<Value>(compute: (type: BilledType) => Value): Record<BilledType, Value> {
  return { writes: compute('writes'), reads: compute('reads'), deletes: compute('deletes') };
}

export function plus(a: Readonly<Operations>, b: Readonly<Operations>): Operations {
  return perType((type) => a[type] + b[type]);
}

/** Sums by the purpose that calls name. */
export type ByPurpose = Record<string, Operations>;

export function plusByPurpose(a: Readonly<ByPurpose>, b: Readonly<ByPurpose>): ByPurpose {
  const sum = new Map(Object.entries(a));
  for (const [purpose, operations] of Object.entries(b))
    sum.set(purpose, plus(sum.get(purpose) ?? noOperations, operations));
  return Object.fromEntries(sum);
}
