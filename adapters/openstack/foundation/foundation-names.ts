/** What the objects of a cluster's foundation are called, for people: in the cloud where it has names, in the ledger everywhere. Pure. */
import type { SecurityPart } from './foundation-observed.ts'

export function groupName(cluster: string, part: SecurityPart): string {
  return `${cluster}-${part}`
}

/** Server groups, whose name in the cloud is their mark. */
export function poolName(cluster: string, pool: string): string {
  return `${cluster}-${pool}`
}

export function vipName(cluster: string): string {
  return `${cluster}-vip`
}

/** Floating IPs have no name in the cloud. */
export function floatingIpName(cluster: string): string {
  return `${cluster}-floating-ip`
}

export function apiName(cluster: string): string {
  return `${cluster}-api`
}
