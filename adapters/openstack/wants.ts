/** How much of a project's quotas machines take that aren't there yet. Pure. */
import type { MachineSpec } from '../adapter.ts'
import type { NamedFlavor } from './named.ts'
import { serverGroupName } from './owner-mark.ts'
import type { AllWants, GroupWants, QuotaName, VolumeWants, Wants } from './quotas.ts'
import { type Standing, volumesOf } from './standing.ts'

/** A machine, and what its size says; undefined where its flavor wasn't found. */
export interface Sized {
  readonly machine: MachineSpec
  readonly flavor: NamedFlavor | undefined
}

/** @param typeName a volume type's name, by which quotas count it, from what the placement says; undefined if not found */
export function machineWants(
  sized: readonly Sized[],
  standing: Standing,
  typeName: (type: string | undefined) => string | undefined,
): AllWants {
  const missing = sized.filter(({ machine }) => !standing.servers.has(machine.owner.machine))
  const withPort = new Set(standing.ports.map(({ machine }) => machine))
  const volumes = missing.flatMap(({ machine }) =>
    volumesOf(machine).slice(standing.volumes.get(machine.owner.machine) ?? 0),
  )
  const sum = (value: (flavor: NamedFlavor) => number) =>
    missing.reduce((total, { flavor }) => total + (flavor === undefined ? 0 : value(flavor)), 0)
  return {
    counts: {
      instances: missing.length,
      cores: sum(({ vcpus }) => vcpus),
      ram: sum(({ ram }) => ram),
      ports: missing.filter(({ machine }) => !withPort.has(machine.owner.machine)).length,
      volumes: volumes.length,
      gigabytes: volumes.reduce((total, { sizeGiB }) => total + sizeGiB, 0),
    },
    volumes: byType(volumes, typeName),
    groups: groupWants(
      missing.map(({ machine }) => machine),
      standing,
    ),
  }
}

function byType(
  volumes: ReturnType<typeof volumesOf>,
  typeName: (type: string | undefined) => string | undefined,
): VolumeWants[] {
  const types = new Map<string, VolumeWants>()
  for (const { sizeGiB, type } of volumes) {
    const name = typeName(type)
    if (name === undefined) continue
    const before = types.get(name) ?? { type: name, volumes: 0, gigabytes: 0, largest: 0 }
    types.set(name, {
      type: name,
      volumes: before.volumes + 1,
      gigabytes: before.gigabytes + sizeGiB,
      largest: Math.max(before.largest, sizeGiB),
    })
  }
  return [...types.values()]
}

function groupWants(machines: readonly MachineSpec[], { groups }: Standing): GroupWants[] {
  const members = new Map<string, GroupWants>()
  for (const { owner, pool, placement, foundation } of machines) {
    if (foundation === undefined || placement.cloud !== 'openstack' || placement.antiAffinity === 'none') continue
    const name = serverGroupName({ ...owner, machine: foundation }, pool)
    const before = members.get(name) ?? { pool, members: groups.get(name) ?? 0 }
    members.set(name, { pool, members: before.members + 1 })
  }
  return [...members.values()]
}

/** Both together. */
export function added(one: Wants, other: Wants): Wants {
  const names = [...Object.keys(one), ...Object.keys(other)] as QuotaName[]
  return Object.fromEntries(names.map((name) => [name, (one[name] ?? 0) + (other[name] ?? 0)]))
}
