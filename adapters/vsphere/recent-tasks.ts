/** vCenter's own list of tasks that run or have just ended: how a call whose token was lost is found again. */
import type { MachineSpec, MachineUid } from '../adapter.ts'
import type { MoRef } from './moref.ts'
import type { StepKind } from './plan.ts'
import { retrieveListed } from './properties.ts'
import { SERVICE_INSTANCE, type Session } from './session.ts'
import { ref, text } from './soap-value.ts'

export interface RunningTask {
  readonly task: MoRef
  /** `VirtualMachine.clone` */
  readonly description: string
  /** What it works on; for a clone, the template. */
  readonly entity: MoRef | undefined
  readonly entityName: string
  /** By vCenter's clock, in ms since 1970. */
  readonly queued: number
}

const WANTED = {
  type: 'Task',
  paths: ['info.state', 'info.descriptionId', 'info.entity', 'info.entityName', 'info.queueTime'],
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
  /** By vCenter's clock: a clone queued later than this is somebody else's, or remembered. Undefined: as of now. */
  #doubtUntil: number | undefined
  #losses = 0

  constructor(session: Session) {
    this.#session = session
  }

  /** This task makes that machine, and no other. */
  remember(task: MoRef, machine: MachineUid): void {
    this.#clones.set(task.value, machine)
    const [oldest] = this.#clones.keys()
    if (this.#clones.size > REMEMBERED && oldest !== undefined) this.#clones.delete(oldest)
  }

  /** A clone may have begun whose task nobody was told. */
  lost(): void {
    this.#losses += 1
    this.#doubtUntil = undefined
  }

  /**
   * A clone under way that makes this machine, or may: vCenter doesn't say what a clone is to be called before it is there, so
   * every clone of the machine's template counts that this process doesn't remember, and that is from before it began or from before it
   * last lost a reply. Those end, and then it is clear.
   */
  async cloneOf(spec: MachineSpec, signal: AbortSignal): Promise<MoRef | undefined> {
    const doubtUntil = this.#doubtUntil ?? (await this.#doubt(signal))
    const running = await this.#running(signal)
    const clones = running.filter(({ description }) => DESCRIPTIONS.clone.test(description))
    const known = clones.find(({ task }) => this.#clones.get(task.value) === spec.owner.machine)
    const doubtful = clones.find(
      ({ task, entityName, queued }) =>
        !this.#clones.has(task.value) && queued <= doubtUntil && isTemplateOf(spec, entityName),
    )
    return (known ?? doubtful)?.task
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
        queued: Date.parse(text(values.get('info.queueTime')) ?? '') || 0,
      }
    })
  }

  async #doubt(signal: AbortSignal): Promise<number> {
    const losses = this.#losses
    const now = await this.#now(signal)
    // A reply that was lost while vCenter was asked belongs to a clone that may be younger than its answer.
    if (losses !== this.#losses) return Number.POSITIVE_INFINITY
    this.#doubtUntil = now
    return now
  }

  async #now(signal: AbortSignal): Promise<number> {
    const answer = await this.#session.read('CurrentTime', SERVICE_INSTANCE, {}, { signal })
    const now = Date.parse(text(answer) ?? '')
    return Number.isNaN(now) ? Number.POSITIVE_INFINITY : now
  }
}

function isTemplateOf(spec: MachineSpec, entityName: string): boolean {
  if (spec.placement.cloud !== 'vsphere') return false
  const { template } = spec.placement
  return template === entityName || template.endsWith(`/${entityName}`)
}
