/** Whether machines can be made, before anything is spent. Reads only. */
import type { VspherePlacement } from '../../resources/cluster.ts'
import type { Finding } from '../../resources/query.ts'
import { customSizeOf, type MachineSpec } from '../adapter.ts'
import type { TemplateDetails } from './clone-spec.ts'
import { gibToKib } from './devices.ts'
import { pathOf, readTree, type Tree } from './inventory-tree.ts'
import { type ResolvedPlacement, resolvePlacement } from './placement.ts'
import { readTemplate } from './placements.ts'
import { isLinked } from './plan.ts'
import { checkPrivileges, missingPrivileges, type Subject } from './privilege-check.ts'
import type { Session } from './session.ts'
import { text } from './soap-value.ts'

const KIB_IN_GIB = 1024 ** 2
/** What a linked clone is taken to need of its first disk at once: it keeps only what it changes. */
const LINKED_SHARE_KIB = KIB_IN_GIB

export async function preflightMachines(
  session: Session,
  machines: readonly MachineSpec[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const tree = await readTree(session, signal)
  const findings: Finding[] = []
  const needs: { readonly placement: ResolvedPlacement; readonly kib: number }[] = []
  for (const group of groupByPlacement(machines)) {
    const resolution = resolvePlacement(tree, group.wanted)
    if (!resolution.ok) {
      findings.push(...resolution.findings)
      continue
    }
    const { placement } = resolution
    const template = await readTemplate(session, placement.template.ref, signal)
    findings.push(...templateFindings(placement, template, group.machines))
    findings.push(...nameFindings(tree, placement, group.machines))
    const checked = await checkPrivileges(session, subjectsOf(tree, placement), signal)
    findings.push(...checked.filter(({ missing }) => missing.length > 0).map(missingPrivileges))
    needs.push({ placement, kib: group.machines.reduce((sum, machine) => sum + spaceOf(machine, template), 0) })
  }
  return distinct([...findings, ...spaceFindings(needs)])
}

function groupByPlacement(
  machines: readonly MachineSpec[],
): { readonly wanted: VspherePlacement; readonly machines: readonly MachineSpec[] }[] {
  const groups = new Map<string, { wanted: VspherePlacement; machines: MachineSpec[] }>()
  for (const machine of machines) {
    if (machine.placement.cloud !== 'vsphere') continue
    const key = JSON.stringify(machine.placement)
    const group = groups.get(key) ?? { wanted: machine.placement, machines: [] }
    group.machines.push(machine)
    groups.set(key, group)
  }
  return [...groups.values()]
}

/** KiB on the datastore: disks, and the swap file that each running VM has. Pure. */
export function spaceOf(machine: MachineSpec, template: TemplateDetails): number {
  const [root, ...others] = template.devices.disks.map(({ sizeKiB }) => sizeKiB)
  const own = isLinked(machine)
    ? LINKED_SHARE_KIB
    : Math.max(root ?? 0, gibToKib(machine.diskGiB ?? 0)) + others.reduce((sum, size) => sum + size, 0)
  const further = machine.disks.reduce((sum, { sizeGiB }) => sum + gibToKib(sizeGiB), 0)
  return own + further + customSizeOf(machine).memoryMiB * 1024
}

/** Pure. */
export function spaceFindings(
  needs: readonly { readonly placement: ResolvedPlacement; readonly kib: number }[],
): Finding[] {
  const stores = new Map<string, { readonly name: string; readonly freeKiB: number; need: number }>()
  for (const { placement, kib } of needs) {
    const { ref, name, freeBytes } = placement.datastore
    const store = stores.get(ref.value) ?? { name, freeKiB: freeBytes / 1024, need: 0 }
    store.need += kib
    stores.set(ref.value, store)
  }
  return [...stores.values()]
    .filter(({ need, freeKiB }) => need > freeKiB)
    .map(({ name, need, freeKiB }) => ({
      severity: 'error',
      subject: `datastore ${name}`,
      message: `has ${inGiB(freeKiB)} GiB free, and ${inGiB(need)} GiB are asked for`,
      remedy: 'Free space, name another datastore, ask for less, or set placement.clone to linked.',
    }))
}

/** Pure. */
export function templateFindings(
  placement: ResolvedPlacement,
  template: TemplateDetails,
  machines: readonly MachineSpec[],
): Finding[] {
  const { name } = placement.template
  const subject = `template ${name}`
  const findings: Finding[] = []
  const say = (message: string, remedy: string) => findings.push({ severity: 'error', subject, message, remedy })
  if (!placement.isTemplate) say('is a VM and not a template', 'Mark it as a template in vCenter, or name another one.')
  const [root] = template.devices.disks
  if (root === undefined) say('has no disk', 'Name a template with an operating system on its first disk.')
  for (const machine of machines) {
    if (isLinked(machine) && template.snapshot === undefined) {
      say('has no snapshot to link clones to', 'Take a snapshot of it, or set placement.clone to full.')
    }
    if (root === undefined || machine.diskGiB === undefined) continue
    const size = inGiB(root.sizeKiB)
    if (gibToKib(machine.diskGiB) < root.sizeKiB) {
      say(
        `has a first disk of ${size} GiB, and disks don't shrink to ${machine.diskGiB}`,
        `Set diskGiB to ${Math.ceil(Number(size))} or more, or leave it out.`,
      )
    } else if (isLinked(machine) && gibToKib(machine.diskGiB) > root.sizeKiB) {
      say(
        `has a first disk of ${size} GiB, and a linked clone's can't grow to ${machine.diskGiB}`,
        'Leave diskGiB out, or set placement.clone to full.',
      )
    }
  }
  return findings
}

/** Names of the machines that somebody else's VM in the folder has. */
/** Pure. */
export function nameFindings(tree: Tree, { folder }: ResolvedPlacement, machines: readonly MachineSpec[]): Finding[] {
  const there = [...tree.nodes.values()].filter(({ parent }) => parent?.value === folder.value)
  const holders = new Map(there.map((node) => [node.name, node]))
  return machines.flatMap((machine): Finding[] => {
    const holder = holders.get(machine.name)
    if (holder === undefined) return []
    if (text(holder.values.get('config.instanceUuid'))?.toLowerCase() === machine.owner.machine) return []
    return [
      {
        severity: 'error',
        subject: `name ${machine.name}`,
        message: `is taken by ${holder.ref.value}, which is not this machine`,
        remedy: `Rename or remove ${holder.ref.value} in vCenter, or choose another folder or cluster name.`,
      },
    ]
  })
}

function subjectsOf(tree: Tree, placement: ResolvedPlacement): Subject[] {
  const folder = tree.nodes.get(placement.folder.value)
  return [
    {
      scope: 'folder',
      ref: placement.folder,
      name: folder === undefined ? placement.folder.value : pathOf(tree, folder),
    },
    { scope: 'resource-pool', ref: placement.pool.ref, name: pathOf(tree, placement.pool) },
    { scope: 'datastore', ref: placement.datastore.ref, name: placement.datastore.name },
    { scope: 'network', ref: placement.networkNode.ref, name: placement.networkNode.name },
    { scope: 'template', ref: placement.template.ref, name: placement.template.name },
  ]
}

function distinct(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()]
}

function inGiB(kib: number): string {
  return String(Math.round((kib / KIB_IN_GIB) * 10) / 10)
}
