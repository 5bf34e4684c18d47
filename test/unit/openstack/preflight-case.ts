/** What preflight says of machines in a project as `recordedCloud` has it. */
import type { FoundationSpec, MachineSpec } from '../../../adapters/adapter.ts'
import type { OpenstackFoundation } from '../../../adapters/openstack/foundation/foundation-observed.ts'
import { Names } from '../../../adapters/openstack/names.ts'
import { preflightMachines } from '../../../adapters/openstack/preflight.ts'
import type { OpenstackPlacement } from '../../../resources/cluster.ts'
import type { Finding } from '../../../resources/query.ts'
import { FakeClock } from './client/fake-cloud.ts'
import { type Answers, machine, PROJECT, type RecordedOptions, recordedCloud, SIGNAL } from './recorded-cloud.ts'

export interface Case extends RecordedOptions {
  readonly machines?: readonly MachineSpec[]
  readonly foundation?: FoundationSpec
  readonly observed?: OpenstackFoundation
}

export async function asked({ machines = [machine()], foundation: shared, observed, ...options }: Case = {}) {
  const cloud = recordedCloud(options)
  const names = new Names(cloud, new FakeClock())
  const observeFoundation = async () => observed ?? null
  const findings = await preflightMachines({ cloud, names, observeFoundation }, machines, shared, SIGNAL)
  return { findings, requests: cloud.asked }
}

export async function preflight(one: Case = {}): Promise<Finding[]> {
  return (await asked(one)).findings
}

export const said = (findings: readonly Finding[]) => findings.map(({ subject, message }) => `${subject}: ${message}`)
export const answers = (changes: Answers): Case => ({ answers: changes })
export const placed = (placement: Partial<OpenstackPlacement>, overrides: Partial<MachineSpec> = {}): Case => ({
  machines: [machine(1, overrides, placement)],
})
export const port = (fields: object) => ({
  id: 'port1',
  name: '',
  network_id: 'n1',
  device_owner: 'compute:nova',
  device_id: 'server1',
  fixed_ips: [{ subnet_id: 's1', ip_address: '10.0.0.20' }],
  description: '',
  project_id: PROJECT,
  ...fields,
})
export const ownerOf = (number: number) => machine(number).owner
