import type { OwnerMark } from '../adapter.ts'

export type TaskKind = 'create' | 'power-on' | 'power-off' | 'resize' | 'delete'

export interface SandboxTask {
  /** `vm-42/3/power-on`: the VM, the how-manieth of its tasks, and what it does. */
  readonly token: string
  readonly kind: TaskKind
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly dueAt: number
  /** What a resize leads to. */
  readonly shape?: { readonly cpus: number; readonly memoryMiB: number }
}

/** Where and how a guest reports that it is up: what it reads from `/etc/pcg/phone-home.json`. */
export interface PhoneHome {
  readonly url: string
  readonly token: string
  /** PEM. */
  readonly authority: string
}

/** A VM as the sandbox keeps it: in memory, and as JSON in its store. */
export interface SandboxVm {
  readonly id: string
  readonly name: string
  readonly owner: OwnerMark
  readonly address: string
  readonly phoneHome: PhoneHome | null
  /** Whether it is of a control plane, and so asks the gateway who joins and leaves the cluster. */
  readonly asks: boolean
  cpus: number
  memoryMiB: number
  state: 'creating' | 'off' | 'on' | 'deleting'
  guest: 'down' | 'booting' | 'reporting' | 'up'
  /** How many tasks it has had. */
  tasks: number
  task: SandboxTask | null
}

export function vmNumber(id: string): number {
  return Number(id.slice('vm-'.length))
}

/** The address that the sandbox's DHCP gives a VM; no two have the same (up to 16 million). */
export function dhcpAddress(id: string): string {
  const number = vmNumber(id)
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
}
