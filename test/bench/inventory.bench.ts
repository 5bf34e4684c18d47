/**
 * 10,000 VMs of a vCenter into the adapter's own model, beside govmomi's own client: the same properties of the same
 * simulator over TLS, each in a process of its own.
 */
import { join } from 'node:path'
import type { VmProperty } from '../../adapters/vsphere/vm-model.ts'
import { buildGoProgram } from '../peers/go-program.ts'
import { startVcsim } from '../peers/vcsim.ts'
import type { Bench, Figures } from './harness.ts'
import type { InventoryRound, InventorySettings } from './inventory-ours.ts'
import { type LineProcess, startLineProcess } from './line-process.ts'

const MACHINES = 10_000
const CLUSTERS = 2
const PROPERTIES: readonly VmProperty[] = [
  'name',
  'runtime.powerState',
  'guest.ipAddress',
  'config.uuid',
  'config.hardware',
  'summary',
]

export const bench: Bench = {
  peer: "govmomi's client (Go)",
  needs: ['vcsim'],
  warmUps: 2,
  rounds: 7,
  metrics: [
    { name: 'memory', unit: 'MB', goal: { of: 'ours', atMost: 300 } },
    { name: 'time', unit: 'ms', goal: { of: 'ratio', atMost: 0.35 } },
  ],
  start: async ({ say }) => {
    const program = await buildGoProgram(join(import.meta.dirname, 'inventory-govmomi'))
    say(`starting a vCenter of ${MACHINES} VMs`)
    const vcsim = await startVcsim({ clusters: CLUSTERS, machines: MACHINES / CLUSTERS, template: false })
    const { url, username, password, authorityPem } = vcsim
    const settings: InventorySettings = { url, username, password, authorityPem, properties: PROPERTIES }
    const ours = startLineProcess(process.execPath, [join(import.meta.dirname, 'inventory-ours.ts')])
    const theirs = startLineProcess(program, [])
    const close = async (): Promise<void> => {
      await Promise.all([ours.close(), theirs.close()])
      await vcsim.close()
    }
    try {
      await Promise.all([ours.ask(settings), theirs.ask(settings)])
    } catch (error) {
      await close()
      throw error
    }
    return { ours: () => round(ours), theirs: () => round(theirs), close }
  },
}

/** Memory is the growth of the process' peak since before its first round. */
async function round(process: LineProcess): Promise<Figures> {
  const { ms, machines, disks, peakKB, baseKB } = await process.ask<InventoryRound>({})
  if (machines !== MACHINES || disks !== MACHINES) throw new Error(`${machines} VMs with ${disks} disks came back`)
  return { time: ms, memory: (peakKB - baseKB) / 1024 }
}
