/**
 * A cloud in memory: VMs, tasks that take their time, guests that boot and phone home, and hands that change things from outside.
 * It outlives its adapters, as a real cloud does, and with a file store the process as well.
 *
 * Invariants
 * 1. A VM has its owner mark from its first moment, and there is at most one for each machine uid.
 * 2. Each change of a VM is given to the store before anybody hears of it: callers, pollers and listeners.
 * 3. A VM has at most one task at a time; deleting supersedes the others.
 * 4. A token says all that is needed to tell what became of its task, so finished tasks are not kept.
 * 5. Nothing polls but the guests of control planes: an idle cloud has no other timer.
 */
import { PcgError } from '../../runtime/pcg-error.ts'
import { type AdapterDependencies, customSizeOf, type MachineSpec, type MachineUid } from '../adapter.ts'
import { ControlPlaneGuests } from './control-plane-guests.ts'
import { GuestNetwork } from './guest.ts'
import { forgetfulStore, type SandboxStore } from './store.ts'
import { asksGateway, readPhoneHome } from './user-data.ts'
import { dhcpAddress, type PhoneHome, type SandboxTask, type SandboxVm, type TaskKind, vmNumber } from './vm.ts'

export interface SandboxLatencies {
  readonly create: number
  readonly power: number
  readonly boot: number
  readonly delete: number
  readonly ask: number
}

export interface SandboxLimits {
  readonly latencyMs: SandboxLatencies
  /** How many VMs fit. */
  readonly capacity: number
}

export type VmListener = (machine: MachineUid, vm: Readonly<SandboxVm> | null, gateway: string) => void

export type TaskState =
  | { readonly state: 'done' }
  | { readonly state: 'running'; readonly progress: number; readonly leftMs: number; readonly finished: Promise<void> }
  | { readonly state: 'forgotten' }

export class SandboxCloud {
  readonly #dependencies: AdapterDependencies
  readonly #store: SandboxStore
  readonly #guests: GuestNetwork
  readonly #controlPlanes: ControlPlaneGuests
  readonly #vms = new Map<MachineUid, SandboxVm>()
  readonly #listeners = new Set<VmListener>()
  /** By token: who waits for the end of a running task. */
  readonly #finished = new Map<string, PromiseWithResolvers<void>>()
  /** By VM: guests that boot or report; aborted when the power goes. */
  readonly #booting = new Map<string, AbortController>()
  /** One copy of each authority, however many VMs have it. */
  readonly #authorities = new Map<string, string>()
  readonly #closing = new AbortController()
  #limits: SandboxLimits = { latencyMs: { create: 0, power: 0, boot: 0, delete: 0, ask: 60_000 }, capacity: 100_000 }
  #nextId = 1
  #reachable = true

  constructor(dependencies: AdapterDependencies, store: SandboxStore = forgetfulStore) {
    this.#dependencies = dependencies
    this.#store = store
    this.#guests = new GuestNetwork(dependencies)
    this.#controlPlanes = new ControlPlaneGuests({
      dependencies,
      network: this.#guests,
      askMs: () => this.#limits.latencyMs.ask,
      signal: this.#closing.signal,
    })
    for (const vm of store.load()) {
      this.#nextId = Math.max(this.#nextId, vmNumber(vm.id) + 1)
      this.#vms.set(vm.owner.machine, { ...vm, phoneHome: this.#shared(vm.phoneHome) })
    }
    for (const vm of this.#vms.values()) {
      if (vm.task !== null) this.#follow(vm, vm.task)
      if (vm.guest === 'booting' || vm.guest === 'reporting') this.#boot(vm)
    }
  }

  configure(limits: SandboxLimits): void {
    this.#limits = limits
    // Guests that were up before this process wait until it is known how often they ask.
    for (const vm of this.#vms.values()) if (vm.guest === 'up') this.#controlPlanes.up(vm)
  }

  /** How many more VMs fit. */
  get room(): number {
    this.#assertReachable()
    return Math.max(0, this.#limits.capacity - this.#vms.size)
  }

  find(machine: MachineUid): Readonly<SandboxVm> | null {
    this.#assertReachable()
    return this.#vms.get(machine) ?? null
  }

  list(gateway: string): Readonly<SandboxVm>[] {
    this.#assertReachable()
    return [...this.#vms.values()].filter((vm) => vm.owner.gateway === gateway)
  }

  /** Begins to make a VM; throws `conflict` if the machine has one, `capacity` if it is full. Gives the task's token. */
  create(spec: MachineSpec): string {
    this.#assertReachable()
    if (this.#vms.has(spec.owner.machine)) throw new PcgError('conflict', `${spec.name} exists`)
    if (this.room === 0) throw new PcgError('capacity', `the sandbox is full: ${this.#limits.capacity} machines`)
    const size = customSizeOf(spec)
    const id = `vm-${this.#nextId}`
    this.#nextId += 1
    const vm: SandboxVm = {
      id,
      name: spec.name,
      owner: { ...spec.owner },
      address: spec.address.type === 'static' ? spec.address.address : dhcpAddress(id),
      phoneHome: this.#shared(readPhoneHome(spec.userData)),
      asks: asksGateway(spec.userData),
      cpus: size.cpus,
      memoryMiB: size.memoryMiB,
      state: 'creating',
      guest: 'down',
      tasks: 0,
      task: null,
    }
    this.#vms.set(spec.owner.machine, vm)
    return this.#begin(vm, 'create', this.#limits.latencyMs.create)
  }

  power(machine: MachineUid, on: boolean): string {
    const { power } = this.#limits.latencyMs
    return this.#begin(this.#idle(machine), on ? 'power-on' : 'power-off', power)
  }

  resize(machine: MachineUid, shape: { cpus: number; memoryMiB: number }): string {
    return this.#begin(this.#idle(machine), 'resize', this.#limits.latencyMs.power, shape)
  }

  delete(machine: MachineUid): string {
    this.#assertReachable()
    const vm = this.#known(machine)
    if (vm.task?.kind === 'delete') return vm.task.token
    vm.state = 'deleting'
    this.#guestDown(vm)
    return this.#begin(vm, 'delete', this.#limits.latencyMs.delete)
  }

  /** What became of a task, from its token alone (invariant 4). */
  task(token: string): TaskState {
    this.#assertReachable()
    const [id = '', order = '', kind = '', machine = ''] = token.split('/')
    const vm = this.#vms.get(machine)
    if (vm?.id !== id) {
      const wasMade = /^vm-\d+$/.test(id) && vmNumber(id) < this.#nextId
      return { state: wasMade && kind === 'delete' ? 'done' : 'forgotten' }
    }
    const finished = this.#finished.get(token)
    if (vm.task?.token !== token || finished === undefined)
      return { state: Number(order) <= vm.tasks ? 'done' : 'forgotten' }
    const { startedAt, dueAt } = vm.task
    const nowMs = this.#dependencies.clock.now()
    const progress = Math.min(1, (nowMs - startedAt) / Math.max(1, dueAt - startedAt))
    return { state: 'running', progress, leftMs: dueAt - nowMs, finished: finished.promise }
  }

  /** Calls `listener` after each change of any VM; returns how to stop. */
  subscribe(listener: VmListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The machine of the VM with this name, id or machine uid; null if there is none, or more than one. */
  named(name: string): MachineUid | null {
    const found = [...this.#vms.values()].filter((vm) => [vm.name, vm.id, vm.owner.machine].includes(name))
    return found.length === 1 ? (found[0]?.owner.machine ?? null) : null
  }

  /** What somebody else does to the cloud, behind the gateway's back. At once, and without tasks. */
  readonly outside = {
    powerOff: (machine: MachineUid): void => {
      const vm = this.#known(machine)
      vm.state = 'off'
      this.#guestDown(vm)
      this.#changed(vm)
    },
    remove: (machine: MachineUid): void => this.#remove(this.#known(machine)),
    resize: (machine: MachineUid, shape: { cpus?: number; memoryMiB?: number }): void => {
      const vm = this.#known(machine)
      vm.cpus = shape.cpus ?? vm.cpus
      vm.memoryMiB = shape.memoryMiB ?? vm.memoryMiB
      this.#changed(vm)
    },
    /** While false every call fails as if the network were down. Tasks and guests go on. */
    setReachable: (reachable: boolean): void => {
      this.#reachable = reachable
    },
  }

  /** Stops all timers and guests; what the store has stays. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#listeners.clear()
    for (const waiter of this.#finished.values()) waiter.resolve()
    await this.#guests.close()
    this.#store.close()
  }

  #begin(vm: SandboxVm, kind: TaskKind, latencyMs: number, shape?: SandboxTask['shape']): string {
    vm.tasks += 1
    const startedAt = this.#dependencies.clock.now()
    const token = `${vm.id}/${vm.tasks}/${kind}/${vm.owner.machine}`
    const task: SandboxTask = { token, kind, startedAt, dueAt: startedAt + latencyMs, ...(shape && { shape }) }
    vm.task = task
    this.#changed(vm)
    this.#follow(vm, task)
    return token
  }

  #follow(vm: SandboxVm, task: SandboxTask): void {
    const { clock, log } = this.#dependencies
    const finished = Promise.withResolvers<void>()
    this.#finished.set(task.token, finished)
    const leftMs = Math.min(task.dueAt - task.startedAt, Math.max(0, task.dueAt - clock.now()))
    clock
      .sleep(leftMs, this.#closing.signal)
      .then(() => {
        if (vm.task === task) this.#finish(vm, task)
      })
      .catch((cause: unknown) => {
        if (!this.#closing.signal.aborted) log.error({ vm: vm.id, task: task.kind, err: cause }, 'sandbox task failed')
      })
      .finally(() => {
        this.#finished.delete(task.token)
        finished.resolve()
      })
  }

  #finish(vm: SandboxVm, task: SandboxTask): void {
    vm.task = null
    switch (task.kind) {
      case 'create':
        vm.state = 'off'
        break
      case 'power-on':
        vm.state = 'on'
        vm.guest = 'booting'
        break
      case 'power-off':
        vm.state = 'off'
        this.#guestDown(vm)
        break
      case 'resize':
        vm.cpus = task.shape?.cpus ?? vm.cpus
        vm.memoryMiB = task.shape?.memoryMiB ?? vm.memoryMiB
        break
      case 'delete':
        this.#remove(vm)
        return
    }
    this.#changed(vm)
    if (task.kind === 'power-on') this.#boot(vm)
  }

  /** Boots the guest, then has it phone home: at each boot, as the unit on a real machine does. */
  #boot(vm: SandboxVm): void {
    const power = new AbortController()
    this.#booting.set(vm.id, power)
    this.#bootAndReport(vm, AbortSignal.any([power.signal, this.#closing.signal]))
      .catch((cause: unknown) => {
        if (!power.signal.aborted && !this.#closing.signal.aborted)
          this.#dependencies.log.error({ vm: vm.id, err: cause }, 'sandbox guest failed')
      })
      .finally(() => {
        if (this.#booting.get(vm.id) === power) this.#booting.delete(vm.id)
      })
  }

  async #bootAndReport(vm: SandboxVm, signal: AbortSignal): Promise<void> {
    if (vm.guest === 'booting') {
      await this.#dependencies.clock.sleep(this.#limits.latencyMs.boot, signal)
      vm.guest = vm.phoneHome === null ? 'up' : 'reporting'
      this.#changed(vm)
    }
    if (vm.phoneHome === null) return
    await this.#guests.report(vm, vm.phoneHome, signal)
    vm.guest = 'up'
    this.#controlPlanes.up(vm)
    this.#store.save(vm)
  }

  #guestDown(vm: SandboxVm): void {
    this.#booting.get(vm.id)?.abort()
    this.#booting.delete(vm.id)
    vm.guest = 'down'
    this.#controlPlanes.down(vm)
  }

  #changed(vm: SandboxVm): void {
    this.#store.save(vm)
    this.#announce(vm.owner.machine, vm, vm.owner.gateway)
  }

  #remove(vm: SandboxVm): void {
    this.#guestDown(vm)
    vm.task = null
    this.#store.remove(vm.id)
    this.#vms.delete(vm.owner.machine)
    this.#announce(vm.owner.machine, null, vm.owner.gateway)
  }

  #announce(machine: MachineUid, vm: SandboxVm | null, gateway: string): void {
    for (const listener of this.#listeners) listener(machine, vm, gateway)
  }

  #known(machine: MachineUid): SandboxVm {
    const vm = this.#vms.get(machine)
    if (vm === undefined) throw new PcgError('not-found', `the sandbox has no VM of machine ${machine}`)
    return vm
  }

  /** A VM that no task is changing; throws `conflict` otherwise (invariant 3). */
  #idle(machine: MachineUid): SandboxVm {
    this.#assertReachable()
    const vm = this.#known(machine)
    if (vm.task !== null) throw new PcgError('conflict', `${vm.name} is busy: ${vm.task.kind} is under way`)
    return vm
  }

  #assertReachable(): void {
    if (this.#closing.signal.aborted) throw new PcgError('unavailable', 'the sandbox is closed')
    if (!this.#reachable) throw new PcgError('unavailable', 'the sandbox cannot be reached')
  }

  #shared(phoneHome: PhoneHome | null): PhoneHome | null {
    if (phoneHome === null) return null
    const known = this.#authorities.get(phoneHome.authority)
    if (known === undefined) this.#authorities.set(phoneHome.authority, phoneHome.authority)
    return { ...phoneHome, authority: known ?? phoneHome.authority }
  }
}
