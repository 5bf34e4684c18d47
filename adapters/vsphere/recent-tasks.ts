/** vCenter's own list of tasks that run or have just ended: how a call whose token was lost is found again. */
import type { MachineSpec, MachineUid } from '../adapter.ts'
import type { MoRef } from './moref.ts'
import type { StepKind } from './plan.ts'
import { retrieveListed } from './properties.ts'
import type { Session } from './session.ts'
import { ref, text } from './soap-value.ts'

export interface RunningTask {
  readonly task: MoRef
  /** `VirtualMachine.clone` */
  readonly description: string
  /** What it works on; for a clone, the template. */
  readonly entity: MoRef | undefined
  readonly entityName: string
}

const WANTED = {
  type: 'Task',
  paths: ['info.state', 'info.descriptionId', 'info.entity', 'info.entityName'],
} as const

/** By what vCenter calls the step's task, with and without the suffix of its simulator. */
const DESCRIPTIONS: Readonly<Record<StepKind, RegExp>> = {
  clone: /\.clone(Vm)?$/,
  'await-clone': /\.clone(Vm)?$/,
  reconfigure: /\.reconfig(ure|Vm)$/,
  'power-on': /\.powerOn$/,
  'power-off': /\.powerOff$/,
  delete: /\.destroy$/,
}

/** Kept for the clones of this process, so that they are told from those that nobody remembers. */
const REMEMBERED = 5_000

export class RecentTasks {
  readonly #session: Session
  readonly #clones = new Map<string, MachineUid>()

  constructor(session: Session) {
    this.#session = session
  }

  /** This task makes that machine, and no other. */
  remember(task: MoRef, machine: MachineUid): void {
    this.#clones.set(task.value, machine)
    const [oldest] = this.#clones.keys()
    if (this.#clones.size > REMEMBERED && oldest !== undefined) this.#clones.delete(oldest)
  }

  /**
   * A clone under way that makes this machine, or may: vCenter doesn't say what a clone is to be called before it is there, so
   * every clone of the machine's template counts whose call this process doesn't remember. Those end, and then it is clear.
   */
  async cloneOf(spec: MachineSpec, signal: AbortSignal): Promise<MoRef | undefined> {
    const running = await this.#running(signal)
    const clones = running.filter(({ description }) => DESCRIPTIONS.clone.test(description))
    const known = clones.find(({ task }) => this.#clones.get(task.value) === spec.owner.machine)
    const unknown = clones.find(
      ({ task, entityName }) => !this.#clones.has(task.value) && isTemplateOf(spec, entityName),
    )
    return (known ?? unknown)?.task
  }

  /** A step of that kind under way on the VM. */
  async onVm(vm: MoRef, step: StepKind, signal: AbortSignal): Promise<MoRef | undefined> {
    const running = await this.#running(signal)
    return running.find(({ entity, description }) => entity?.value === vm.value && DESCRIPTIONS[step].test(description))
      ?.task
  }

  async #running(signal: AbortSignal): Promise<RunningTask[]> {
    const { content } = await this.#session.current(signal)
    const tasks = await retrieveListed(this.#session, content.taskManager, 'recentTask', WANTED, signal)
    return tasks.flatMap(({ ref: task, values }) => {
      const state = values.get('info.state')
      if (state !== 'running' && state !== 'queued') return []
      return {
        task,
        description: text(values.get('info.descriptionId')) ?? '',
        entity: ref(values.get('info.entity')),
        entityName: text(values.get('info.entityName')) ?? '',
      }
    })
  }
}

function isTemplateOf(spec: MachineSpec, entityName: string): boolean {
  if (spec.placement.cloud !== 'vsphere') return false
  const { template } = spec.placement
  return template === entityName || template.endsWith(`/${entityName}`)
}
