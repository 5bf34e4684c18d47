import { PcgError } from '../../../runtime/pcg-error.ts'
import type { MachineSpec, Outcome } from '../../adapter.ts'
import { faultOf } from '../client/openstack-fault.ts'
import { listAll } from '../listing.ts'
import { findPorts, sameOwner } from './finding.ts'
import { portChange, portRequest } from './requests.ts'
import { readPort } from './seen.ts'
import { DONE, findServerWithPort, missing, refusedByLock, type StepTools } from './step-tools.ts'

export async function createPort(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { cloud, site } = tools
  if ((await findPorts(cloud, spec.owner, signal)).length > 0) return DONE
  const ground = await site.ground(spec, signal)
  const protection = await site.protection(spec, signal)
  try {
    await cloud.service('network').post('/ports', portRequest(spec, ground, protection), { signal })
    return DONE
  } catch (error) {
    if (spec.address.type !== 'static' || faultOf(error)?.status !== 409) throw error
    return whoHolds(tools, spec, ground.networkId, spec.address.address, error, signal)
  }
}

/** A fixed address that is taken: by the machine's own port, made by another try, or by somebody's. */
async function whoHolds(
  { cloud }: StepTools,
  spec: MachineSpec,
  networkId: string,
  address: string,
  refused: unknown,
  signal: AbortSignal,
): Promise<Outcome> {
  const query = { network_id: networkId, fixed_ips: `ip_address=${address}` }
  const [holder] = (await listAll(cloud, 'network', '/ports', 'ports', query, signal)).map(readPort)
  if (holder === undefined) throw refused
  if (sameOwner(holder.owner, spec.owner)) return DONE
  const { owner } = holder
  const whose = owner === undefined ? 'which is none of ours' : `of cluster ${owner.cluster}, gateway ${owner.gateway}`
  return {
    kind: 'fatal',
    reason: 'AddressTaken',
    message: `${address} is taken by port ${holder.name === '' ? holder.id : `${holder.name} (${holder.id})`}, ${whose}`,
    remedy: `Take ${address} out of the IP pool, or remove that port.`,
  }
}

export async function updatePort(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { port } = await findServerWithPort(tools, spec, signal)
  if (port === undefined) return missing(`the port of ${spec.name}`)
  const protection = await tools.site.protection(spec, signal)
  await tools.cloud.service('network').put(`/ports/${port.id}`, portChange(protection), { signal })
  return DONE
}

export async function attachPort(tools: StepTools, spec: MachineSpec, signal: AbortSignal): Promise<Outcome> {
  const { server, port } = await findServerWithPort(tools, spec, signal)
  if (server === undefined) return missing(`server ${spec.name}`)
  if (port === undefined) return missing(`the port of ${spec.name}`)
  if (port.deviceId === server.id) return DONE
  const locked = refusedByLock(server)
  if (locked !== undefined) return locked
  if (port.deviceId !== '') {
    throw new PcgError('conflict', `port ${port.name} (${port.id}) is used by ${port.deviceId}`, {
      subject: port.name,
      remedy: `Detach it from ${port.deviceId}: it is the port of ${spec.name}.`,
    })
  }
  const body = { interfaceAttachment: { port_id: port.id } }
  await tools.cloud.service('compute').post(`/servers/${server.id}/os-interface`, body, { signal })
  return DONE
}
