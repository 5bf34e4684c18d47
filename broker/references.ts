/** Which resources a resource names, and what it must not change. Pure. */
import type { ClusterSpec } from '../resources/cluster.ts'
import type { Kind, Resource, ResourceKey } from '../resources/resource.ts'
import type { ErrorDetail } from '../runtime/pcg-error.ts'

export interface Reference {
  readonly kind: Kind
  readonly name: string
  /** The field that names it. */
  readonly field: string
}

export function referencesOf(resource: Resource): Reference[] {
  switch (resource.kind) {
    case 'Gateway':
    case 'ClusterProfile':
    case 'IPPool':
      return []
    case 'CloudAccount':
      return [{ kind: 'Gateway', name: resource.spec.gateway, field: 'spec.gateway' }]
    case 'Cluster': {
      const { account, profile, network } = resource.spec
      const references: Reference[] = [
        { kind: 'CloudAccount', name: account, field: 'spec.account' },
        { kind: 'ClusterProfile', name: profile, field: 'spec.profile' },
      ]
      if (network.addressing.type === 'static')
        references.push({ kind: 'IPPool', name: network.addressing.pool, field: 'spec.network.addressing.pool' })
      return references
    }
  }
}

/** A resource as it will be once the request is applied, and whether it is on its way out. */
export interface Found {
  readonly resource: Resource
  readonly deleting: boolean
}

/** What is wrong with the names in `resource`, looked up by `find` in what will stand after the request. */
export function wrongReferences(
  resource: Resource,
  find: (kind: Kind, name: string) => Found | undefined,
): ErrorDetail[] {
  const wrong: ErrorDetail[] = []
  for (const { kind, name, field } of referencesOf(resource)) {
    const found = find(kind, name)
    if (found === undefined)
      wrong.push({
        subject: field,
        message: `${titleOf(resource)}: there is no ${kind} called ${name}`,
        remedy: `Apply the ${kind} first or together with it, or name another.`,
      })
    else if (found.deleting)
      wrong.push({
        subject: field,
        message: `${titleOf(resource)}: the ${kind} ${name} is being deleted`,
        remedy: `Name another ${kind}, or wait until it is gone and apply it anew.`,
      })
    else if (
      resource.kind === 'Cluster' &&
      found.resource.kind === 'CloudAccount' &&
      found.resource.spec.cloud !== resource.spec.placement.cloud
    )
      wrong.push({
        subject: 'spec.placement.cloud',
        message: `${titleOf(resource)}: is ${resource.spec.placement.cloud}, but the CloudAccount ${name} is ${found.resource.spec.cloud}`,
        remedy: `Write a placement for ${found.resource.spec.cloud}, or name an account of ${resource.spec.placement.cloud}.`,
      })
  }
  return wrong
}

/** Fields that `next` changes against `before` though they stay for a resource's whole life. */
export function changedForGood(before: Resource, next: Resource): ErrorDetail[] {
  return permanentFields(next).flatMap(({ field, value }): ErrorDetail[] => {
    const old = permanentFields(before).find((other) => other.field === field)
    if (old === undefined || old.value === value) return []
    return [
      {
        subject: field,
        message: `${titleOf(next)}: can't change from ${old.value} to ${value}`,
        remedy: `Put back ${old.value}, or apply it under another name and delete this one.`,
      },
    ]
  })
}

function permanentFields(resource: Resource): { field: string; value: string }[] {
  switch (resource.kind) {
    case 'Gateway':
    case 'ClusterProfile':
    case 'IPPool':
      return []
    case 'CloudAccount':
      return [
        { field: 'spec.gateway', value: resource.spec.gateway },
        { field: 'spec.cloud', value: resource.spec.cloud },
      ]
    case 'Cluster':
      return [
        { field: 'spec.account', value: resource.spec.account },
        { field: 'spec.placement.cloud', value: resource.spec.placement.cloud },
        ...networkFields(resource.spec),
      ]
  }
}

/** Where a cluster's machines and its API are on OpenStack: its foundation is made from that once, and can't be moved. */
function networkFields({ placement, network }: ClusterSpec): { field: string; value: string }[] {
  if (placement.cloud !== 'openstack') return []
  const field = (name: string, value: string | undefined) => ({
    field: `spec.placement.network.${name}`,
    value: value ?? 'none',
  })
  const asked = placement.network
  return [
    { field: 'spec.network.endpoint.type', value: network.endpoint.type },
    field('type', asked.type),
    ...(asked.type === 'existing'
      ? [field('network', asked.network), field('subnet', asked.subnet)]
      : [field('cidr', asked.cidr), field('router', asked.router)]),
  ]
}

/** `Cluster prod` */
export function titleOf(resource: Resource): string {
  return keyText({ kind: resource.kind, name: resource.metadata.name })
}

export function keyText(key: ResourceKey): string {
  return `${key.kind} ${key.name}`
}
