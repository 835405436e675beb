import type { Role } from '../protocol/host.ts'

/** All roles, the least first; each includes the ones before it. */
export const roles: readonly Role[] = ['read', 'write', 'admin']

/** Whether whoever has `role` may do what `needed` allows. */
export function includesRole(role: Role | undefined, needed: Role): boolean {
  return rank(role) >= rank(needed)
}

/** The one of two roles that allows more. */
export function greaterRole(a: Role | undefined, b: Role | undefined): Role | undefined {
  return rank(a) >= rank(b) ? a : b
}

/** The one of two roles that allows less. */
export function lesserRole(a: Role | undefined, b: Role | undefined): Role | undefined {
  return rank(a) <= rank(b) ? a : b
}

function rank(role: Role | undefined): number {
  return role === undefined ? -1 : roles.indexOf(role)
}
