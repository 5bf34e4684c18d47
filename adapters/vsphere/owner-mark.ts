/**
 * Our mark on a VM. It is written by the clone call itself, so the VM has it from its first moment: `config.instanceUuid` is the machine's
 * uid, and the extraConfig keys below say whose it is. A VM is ours only if both agree: who clones one of our VMs by hand copies the
 * keys, but gets another instanceUuid. The custom attributes say the same to people in vCenter's client, and nothing relies on them.
 */
import type { OwnerMark } from '../adapter.ts'
import { list, text } from './soap-value.ts'

export const MARK = { gateway: 'pcg.gateway', cluster: 'pcg.cluster', machine: 'pcg.machine' } as const
/** The MAC address that the VM's cloud-init metadata was written for. */
export const METADATA_MAC = 'pcg.metadata-mac'
/** How many of its disks, the first ones, came from the template. */
export const TEMPLATE_DISKS = 'pcg.template-disks'

export const CUSTOM_ATTRIBUTES = { gateway: 'pcg-gateway', cluster: 'pcg-cluster', machine: 'pcg-machine' } as const

export type ExtraConfig = Readonly<Record<string, string>>

/** extraConfig as a record; the last of equal keys counts. */
export function readExtraConfig(options: unknown): ExtraConfig {
  return Object.fromEntries(
    list(options).flatMap((option) => {
      const key = text(option, 'key')
      return key === undefined ? [] : [[key, text(option, 'value') ?? '']]
    }),
  )
}

/** extraConfig as an API call takes it. */
export function extraConfigOptions(values: ExtraConfig): object[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    // node-soap leaves this namespace out of its envelopes, though vCenter needs it to know the type.
    value: { attributes: { 'xmlns:xsd': 'http://www.w3.org/2001/XMLSchema', 'xsi:type': 'xsd:string' }, $value: value },
  }))
}

export function markConfig(owner: OwnerMark): ExtraConfig {
  return { [MARK.gateway]: owner.gateway, [MARK.cluster]: owner.cluster, [MARK.machine]: owner.machine }
}

/** Whose VM it is, or undefined if it bears no mark of any gateway. */
export function readOwner(extraConfig: ExtraConfig, instanceUuid: string | undefined): OwnerMark | undefined {
  const gateway = extraConfig[MARK.gateway]
  const cluster = extraConfig[MARK.cluster]
  const machine = extraConfig[MARK.machine]
  if (!gateway || cluster === undefined || !machine) return undefined
  return instanceUuid?.toLowerCase() === machine ? { gateway, cluster, machine } : undefined
}
