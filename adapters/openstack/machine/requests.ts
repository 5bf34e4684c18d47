/** What is sent to make the objects of a machine. Each carries its mark in the very call. Pure. */

import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import type { MachineSpec } from '../../adapter.ts'
import { gatewayTag, machineTag, markMetadata, markText } from '../owner-mark.ts'
import { volumeName } from './machine-step.ts'
import type { Protection } from './observed.ts'
import { SLOT_KEY, type Slot, slotText } from './seen.ts'
import { encodeUserData } from './user-data.ts'

export interface PortPlace {
  readonly networkId: string
  readonly subnetId: string
}

export function portRequest(spec: MachineSpec, { networkId, subnetId }: PortPlace, protection: Protection): object {
  const fixed = spec.address.type === 'static' ? { ip_address: spec.address.address } : {}
  return {
    port: {
      network_id: networkId,
      name: spec.name,
      description: markText(spec.owner),
      fixed_ips: [{ subnet_id: subnetId, ...fixed }],
      ...protectionFields(protection),
    },
  }
}

export function portChange(protection: Protection): object {
  return { port: protectionFields(protection) }
}

function protectionFields({ securityGroupIds, pairs }: Protection): object {
  return {
    allowed_address_pairs: pairs.map((address) => ({ ip_address: address })),
    // Without any, neutron takes the project's default group.
    ...(securityGroupIds.length === 0 ? {} : { security_groups: securityGroupIds }),
  }
}

export interface VolumeContent {
  readonly sizeGiB: number
  /** Undefined for an empty one. */
  readonly imageId: string | undefined
  /** The cloud's default if undefined. */
  readonly volumeType: string | undefined
}

export function volumeRequest(spec: MachineSpec, slot: Slot, content: VolumeContent): object {
  return {
    volume: {
      name: volumeName(spec, slot),
      size: content.sizeGiB,
      metadata: { ...markMetadata(spec.owner), [SLOT_KEY]: slotText(slot) },
      ...(content.imageId === undefined ? {} : { imageRef: content.imageId }),
      ...(content.volumeType === undefined ? {} : { volume_type: content.volumeType }),
    },
  }
}

export interface ServerIngredients {
  readonly imageId: string
  readonly flavorId: string
  readonly portId: string
  /** Undefined where it boots from the flavor's own disk. */
  readonly bootVolumeId: string | undefined
  readonly volumeIds: readonly string[]
  readonly serverGroupId: string | undefined
}

export function serverRequest(
  spec: MachineSpec,
  placement: OpenstackPlacement,
  { imageId, flavorId, portId, bootVolumeId, volumeIds, serverGroupId }: ServerIngredients,
): object {
  const devices = [
    bootVolumeId === undefined ? imageDevice(imageId) : volumeDevice(bootVolumeId, 0),
    ...volumeIds.map((id) => volumeDevice(id, null)),
  ]
  return {
    server: {
      name: spec.name,
      flavorRef: flavorId,
      ...(bootVolumeId === undefined ? { imageRef: imageId } : {}),
      // An image alone needs no mapping; beside volumes nova wants it named.
      ...(bootVolumeId === undefined && volumeIds.length === 0 ? {} : { block_device_mapping_v2: devices }),
      networks: [{ port: portId }],
      user_data: encodeUserData(spec.userData),
      config_drive: placement.userData === 'config-drive',
      metadata: markMetadata(spec.owner),
      tags: [machineTag(spec.owner), gatewayTag(spec.owner.gateway)],
      ...(placement.availabilityZone === undefined ? {} : { availability_zone: placement.availabilityZone }),
      ...(placement.keypair === undefined ? {} : { key_name: placement.keypair }),
    },
    ...(serverGroupId === undefined ? {} : { 'OS-SCH-HNT:scheduler_hints': { group: serverGroupId } }),
  }
}

function imageDevice(uuid: string): object {
  return { boot_index: 0, uuid, source_type: 'image', destination_type: 'local', delete_on_termination: true }
}

/** Ours outlive the server: they are deleted by a step of their own, which sees that they are. */
function volumeDevice(uuid: string, bootIndex: 0 | null): object {
  return {
    boot_index: bootIndex,
    uuid,
    source_type: 'volume',
    destination_type: 'volume',
    delete_on_termination: false,
  }
}

export function memberRequest(spec: MachineSpec, address: string, port: number, subnetId: string): object {
  return {
    member: { name: spec.name, address, protocol_port: port, subnet_id: subnetId, tags: [markText(spec.owner)] },
  }
}
