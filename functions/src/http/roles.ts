/** Rights of a key. */
export const roles = ['miner', 'validator', 'ingest', 'proxy', 'read', 'admin'] as const;
export type Role = (typeof roles)[number];

/** The roles whose rights a role has beside its own; `admin` may do everything. */
const included: Partial<Record<Role, readonly Role[]>> = { proxy: ['ingest', 'read'] };

/** The roles that may call a route of this access. */
export function allowedRoles(access: readonly Role[]): Role[] {
  return roles.filter((role) => mayCall(role, access));
}

/** Tells if a role may call a route of this access. */
export function mayCall(role: Role, access: readonly Role[]): boolean {
  if (role === 'admin' || access.includes(role)) return true;
  return included[role]?.some((other) => access.includes(other)) === true;
}
