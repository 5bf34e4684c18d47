import type { ReportedKind } from './resource.ts'

/** For each kind, the name that URLs and the CLI use, and what may be typed instead. */
export const KIND_NAMES: Readonly<
  Record<ReportedKind, { readonly plural: string; readonly aliases: readonly string[] }>
> = {
  Gateway: { plural: 'gateways', aliases: ['gateway', 'gw'] },
  CloudAccount: { plural: 'accounts', aliases: ['account', 'cloudaccount', 'cloudaccounts'] },
  ClusterProfile: { plural: 'profiles', aliases: ['profile', 'clusterprofile', 'clusterprofiles'] },
  IPPool: { plural: 'ippools', aliases: ['ippool', 'pool', 'pools'] },
  Cluster: { plural: 'clusters', aliases: ['cluster'] },
  Machine: { plural: 'machines', aliases: ['machine', 'vm', 'vms'] },
}
