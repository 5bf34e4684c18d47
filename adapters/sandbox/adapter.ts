import type { SandboxAccountSpec } from '../../resources/cloud-account.ts'
import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import {
  type Adapter,
  type AdapterContext,
  type AdapterDependencies,
  type Change,
  customSizeOf,
  type MachineSpec,
  type Outcome,
} from '../adapter.ts'
import { changesUntil } from './changes.ts'
import type { SandboxCloud } from './cloud.ts'
import { strike } from './faults.ts'
import { planSandbox, type SandboxObserved, type SandboxStep } from './plan.ts'
import type { SandboxVm } from './vm.ts'

const ZONES: readonly string[] = ['zone-a', 'zone-b', 'zone-c']
const CONCURRENCY = 500
/** A poll of a task that takes longer than this gives its progress so often. */
const NEWS_MS = 1_000

export interface SandboxDependencies extends AdapterDependencies {
  /** The cloud itself, which outlives its adapters. Latencies and capacity are set on it from the account. */
  readonly cloud: SandboxCloud
  /** For faults; 0 to 1. */
  readonly random?: () => number
}

/** A client of a cloud in memory: see `SandboxCloud`. */
export function createSandboxAdapter(
  account: SandboxAccountSpec,
  dependencies: SandboxDependencies,
): Adapter<SandboxStep, SandboxObserved> {
  const { cloud, clock, random = Math.random } = dependencies
  cloud.configure(account)

  return {
    cloud: 'sandbox',
    concurrency: CONCURRENCY,
    foundations: null,

    async verify({ signal }: AdapterContext): Promise<Finding[]> {
      signal.throwIfAborted()
      return [{ severity: 'ok', subject: 'sandbox', message: `reachable; room for ${cloud.room} more machines` }]
    },

    async inventory({ signal }) {
      signal.throwIfAborted()
      const { room } = cloud
      return ZONES.map((zone) => ({ kind: 'zone', name: zone, path: `/${zone}`, detail: { room } }))
    },

    async preflight(machines, { signal }): Promise<Finding[]> {
      signal.throwIfAborted()
      return preflight(machines, cloud)
    },

    plan: planSandbox,

    async observe(spec, { signal }) {
      signal.throwIfAborted()
      const vm = cloud.find(spec.owner.machine)
      return vm === null || vm.owner.gateway !== spec.owner.gateway ? null : observed(vm)
    },

    async start(step, spec, { signal }): Promise<Outcome> {
      signal.throwIfAborted()
      const struck = strike(account.faults, step.kind, random)
      if (struck === null) return attempt(() => begin(step, spec, cloud))
      if (struck.done) attempt(() => begin(step, spec, cloud))
      return struck.outcome
    },

    async poll(token, { signal }): Promise<Outcome> {
      signal.throwIfAborted()
      const before = cloud.task(token)
      if (before.state === 'running')
        await (before.leftMs <= NEWS_MS ? ended(before.finished, signal) : clock.sleep(NEWS_MS, signal))
      const now = cloud.task(token)
      switch (now.state) {
        case 'done':
          return { kind: 'done' }
        case 'running':
          return { kind: 'running', token, progress: now.progress }
        case 'forgotten':
          return { kind: 'unknown', message: `the sandbox does not know task ${token}` }
      }
    },

    watch(gateway, { signal }): AsyncIterable<Change> {
      return changesUntil(
        (listener) =>
          cloud.subscribe((machine, vm, owner) => {
            if (owner === gateway) listener({ machine, observed: vm === null ? null : observed(vm) })
          }),
        signal,
      )
    },

    async *owned(gateway, { signal }) {
      signal.throwIfAborted()
      for (const vm of cloud.list(gateway)) yield objectOf(vm)
    },

    close: () => Promise.resolve(),
  }
}

/** Waits for a task's end; rejects when the signal aborts. */
function ended(finished: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason)
    signal.addEventListener('abort', aborted, { once: true })
    finished.finally(() => {
      signal.removeEventListener('abort', aborted)
      resolve()
    })
  })
}

/** Begins a step, or joins what is under way already (promises 3 and 5). */
function begin(step: SandboxStep, spec: MachineSpec, cloud: SandboxCloud): Outcome {
  const { machine } = spec.owner
  const vm = cloud.find(machine)
  if (step.kind === 'create') return vm === null ? running(cloud.create(spec)) : adopt(vm)
  if (vm === null) {
    if (step.kind === 'delete') return { kind: 'done' }
    return { kind: 'unknown', message: `${spec.name} is gone from the sandbox` }
  }
  if (vm.task?.kind === step.kind) return running(vm.task.token)
  switch (step.kind) {
    case 'power-on':
      return vm.state === 'on' ? { kind: 'done' } : running(cloud.power(machine, true))
    case 'power-off':
      return vm.state === 'off' ? { kind: 'done' } : running(cloud.power(machine, false))
    case 'resize': {
      const size = customSizeOf(spec)
      if (vm.cpus === size.cpus && vm.memoryMiB === size.memoryMiB) return { kind: 'done' }
      if (vm.state === 'on') return { kind: 'unknown', message: `${spec.name} is on, and must be off to be resized` }
      return running(cloud.resize(machine, size))
    }
    case 'delete':
      return running(cloud.delete(machine))
  }
}

function adopt(vm: Readonly<SandboxVm>): Outcome {
  if (vm.state === 'deleting') return { kind: 'retryable', fault: 'busy', message: `${vm.name} is still being deleted` }
  return vm.state === 'creating' && vm.task !== null ? running(vm.task.token) : { kind: 'done' }
}

function running(token: string): Outcome {
  return { kind: 'running', token, progress: 0 }
}

/** What the cloud says against it, as an outcome. */
function attempt(act: () => Outcome): Outcome {
  try {
    return act()
  } catch (cause) {
    const error = PcgError.from(cause)
    switch (error.code) {
      case 'capacity':
        return { kind: 'retryable', fault: 'capacity', message: error.message }
      case 'unavailable':
        return { kind: 'retryable', fault: 'connection', message: error.message }
      case 'conflict':
        return { kind: 'retryable', fault: 'busy', message: error.message }
      default:
        throw error
    }
  }
}

function preflight(machines: readonly MachineSpec[], cloud: SandboxCloud): Finding[] {
  const zones = new Set(machines.flatMap(({ placement }) => (placement.cloud === 'sandbox' ? [placement.zone] : [])))
  const findings: Finding[] = [...zones]
    .filter((zone) => !ZONES.includes(zone))
    .map((zone) => ({
      severity: 'error',
      subject: `zone ${zone}`,
      message: 'the sandbox has no such zone',
      remedy: `Set placement.zone to one of ${ZONES.join(', ')}.`,
    }))
  const foreign = machines.find(({ placement }) => placement.cloud !== 'sandbox')
  if (foreign !== undefined)
    findings.push({
      severity: 'error',
      subject: `placement of ${foreign.name}`,
      message: `is for ${foreign.placement.cloud}, but the account is a sandbox`,
      remedy: 'Use an account of that cloud, or a sandbox placement.',
    })
  const wanted = machines.filter(({ owner }) => cloud.find(owner.machine) === null).length
  if (wanted > cloud.room)
    findings.push({
      severity: 'error',
      subject: 'sandbox',
      message: `has room for ${cloud.room} more machines, and ${wanted} are wanted`,
      remedy: "Raise the account's spec.capacity, or ask for fewer machines.",
    })
  return findings
}

function observed(vm: Readonly<SandboxVm>): SandboxObserved {
  return {
    power: vm.state === 'on' ? 'on' : 'off',
    addresses: vm.guest === 'reporting' || vm.guest === 'up' ? [vm.address] : [],
    objects: [objectOf(vm)],
    state: vm.state,
    cpus: vm.cpus,
    memoryMiB: vm.memoryMiB,
  }
}

function objectOf(vm: Readonly<SandboxVm>) {
  return { kind: 'VirtualMachine', id: vm.id, name: vm.name, owner: vm.owner }
}
