import type { MachineStatus } from '../../resources/machine.ts'
import type { EventRecord, MachineItem, ResourceItem } from '../api-types.ts'
import { clusterStatus, type WatchState } from '../watch-state.ts'
import { stageText } from './columns.ts'
import { isObserved, readyReason, statusPhase } from './item-status.ts'
import { type Paint, paintState, printable } from './paint.ts'
import { duration } from './time.ts'

const BAR = 16

/** The lines of a live view: each cluster, and a bar for each of its machines. */
export function progressLines(
  state: WatchState,
  clusters: readonly string[],
  elapsedMs: number,
  paint: Paint,
): string[] {
  return clusters.flatMap((name) => {
    const item = state.cluster(name)
    const machines = state.machines(name)
    const width = Math.max(0, ...machines.map((machine) => machine.name.length))
    return [clusterLine(name, item, elapsedMs, paint), ...machines.map((machine) => machineLine(machine, width, paint))]
  })
}

function clusterLine(name: string, item: ResourceItem | undefined, elapsedMs: number, paint: Paint): string {
  const time = paint.dim(duration(elapsedMs))
  if (item === undefined) return `${paint.bold(name)}  ${paint.dim('gone')}  ${time}`
  const counts = clusterStatus(item)?.machines
  const ready = counts === undefined ? '' : `${counts.ready}/${counts.desired} ready  `
  const phase = item.deleting ? 'Deleting' : isObserved(item) ? statusPhase(item) : 'Pending'
  const reason = phase === 'Ready' ? '' : `  ${withoutTally(readyReason(item))}`
  return `${paint.bold(name)}  ${paintState(paint, phase)}  ${ready}${time}${reason}`
}

function machineLine({ name, status }: MachineItem, width: number, paint: Paint): string {
  const share = machineShare(status)
  const filled = Math.round(share * BAR)
  const bar = `${'█'.repeat(filled)}${paint.dim('░'.repeat(BAR - filled))}`
  const coloured = status.phase === 'Failed' ? paint.red(bar) : share === 1 ? paint.green(bar) : bar
  const phase = paintState(paint, status.phase) + ' '.repeat(Math.max(0, 12 - status.phase.length))
  const said = status.phase === 'Ready' ? status.addresses.join(', ') : stageText(name, status)
  return `  ${name.padEnd(width)}  ${coloured}  ${phase}  ${said}`
}

/** How much of a machine's way is done, 0 to 1; for the eye only, since nobody knows how long each stage takes. */
export function machineShare(status: MachineStatus): number {
  switch (status.phase) {
    case 'Pending':
      return 0
    case 'Provisioning':
      return 0.1 + 0.5 * (status.progress ?? 0)
    case 'Booting':
      return 0.75
    case 'Ready':
    case 'Drifted':
      return 1
    case 'Failed':
      return 0.5
    case 'Deleting':
      return 0.25
    default:
      return status.phase satisfies never
  }
}

/** What a machine's change is worth a line for: phase and stage, not each per cent. Undefined if it is not. */
export function machineChange(before: MachineItem | undefined, after: MachineItem): string | undefined {
  const { phase, stage } = after.status
  if (before?.status.phase === phase && before.status.stage === stage) return undefined
  const { progress: _, ...status } = after.status
  const isUp = phase === 'Ready' && status.addresses.length > 0
  const where = isUp ? status.addresses.join(', ') : stageText(after.name, status)
  return `${after.name} ${phase}${where === '' ? '' : `: ${where}`}`
}

/** The same of a cluster: its phase, its count of ready machines, and why it isn't ready. */
export function clusterChange(before: ResourceItem | undefined, after: ResourceItem): string | undefined {
  const text = clusterWords(after)
  return before !== undefined && clusterWords(before) === text ? undefined : `${after.resource.metadata.name} ${text}`
}

function clusterWords(item: ResourceItem): string {
  const counts = clusterStatus(item)?.machines
  const phase = item.deleting ? 'Deleting' : statusPhase(item)
  const ready = counts === undefined ? '' : ` ${counts.ready}/${counts.desired} ready`
  const reason = phase === 'Ready' ? '' : withoutTally(readyReason(item))
  return `${phase}${ready}${reason === '' ? '' : `: ${reason}`}`
}

/** The count of ready machines stands beside it already. */
function withoutTally(reason: string): string {
  return reason.replace(/^\d+ of \d+ machines are ready(; |$)/, '')
}

/** `warning  cluster/demo  DiskFull  no space left` */
export function eventLine(event: EventRecord, paint: Paint): string {
  const subject = `${event.kind.toLowerCase()}/${event.name}`
  return `${paintState(paint, event.severity)}  ${subject}  ${event.reason}  ${printable(event.message)}`
}
