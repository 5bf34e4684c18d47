/** What a test sees and does behind the vCenter API's back. Each call is one HTTP request to the simulator's process. */
export class VcsimControl {
  readonly #url: () => string

  constructor(url: () => string) {
    this.#url = url
  }

  /** Every VM, templates too. */
  vms(): Promise<SimulatedVm[]> {
    return this.#ask('vms')
  }

  /** The VM of that name, or null; throws if several have it. */
  async vm(name: string): Promise<SimulatedVm | null> {
    const found = (await this.vms()).filter((vm) => vm.name === name)
    if (found.length > 1) throw new Error(`${found.length} VMs are called ${name}`)
    return found[0] ?? null
  }

  datastores(): Promise<{ ref: string; name: string; capacity: number; free: number }[]> {
    return this.#ask('datastores')
  }

  sessions(): Promise<{ key: string; userName: string; calls: number }[]> {
    return this.#ask('sessions')
  }

  /** Counts since the start: requests by method, how many of each waited at once, logins. */
  stats(): Promise<VcsimStats> {
    return this.#ask('stats')
  }

  async logins(): Promise<{ accepted: number; refused: number }> {
    return (await this.stats()).logins
  }

  /** What the simulator's code panicked about, a line each; the connection concerned was hung up on. */
  panics(): Promise<string[]> {
    return this.#ask('panics')
  }

  /** @param vm its name or reference (`vm-42`), as in all that follow. */
  async powerOff(vm: string): Promise<void> {
    await this.#ask('power', { vm, on: false })
  }

  async powerOn(vm: string): Promise<void> {
    await this.#ask('power', { vm, on: true })
  }

  /** Deletes it with its disks, powered on or not. */
  async destroy(vm: string): Promise<void> {
    await this.#ask('destroy', { vm })
  }

  async reconfigure(
    vm: string,
    change: { cpus?: number; memoryMB?: number; extraConfig?: Readonly<Record<string, string>> },
  ): Promise<void> {
    await this.#ask('reconfigure', { vm, ...change })
  }

  /** What the guest's tools report; no addresses: they report nothing. */
  async setGuest(vm: string, guest: { hostName?: string; addresses: readonly string[] }): Promise<void> {
    await this.#ask('guest', { vm, hostName: guest.hostName ?? '', addresses: guest.addresses })
  }

  /** @param path below the datacenter's VM folder: `prod/web`. */
  async makeFolder(path: string): Promise<void> {
    await this.#ask('folder', { path })
  }

  /** @param bytes free from now on; clones that need more fail as a real vCenter's do. */
  async setFreeSpace(datastore: string, bytes: number): Promise<void> {
    await this.#ask('space', { datastore, free: bytes })
  }

  /** Ends every session; gives how many. */
  expireSessions(): Promise<number> {
    return this.#ask('expire-sessions')
  }

  /** How long tasks take from now on, in ms. */
  async setTaskTime(ms: number): Promise<void> {
    await this.#ask('task-time', { ms })
  }

  /** The privileges that the user lacks from now on, when asked (the calls themselves go on to work: see `inject`). */
  async denyPrivileges(privileges: readonly string[]): Promise<void> {
    await this.#ask('deny', { privileges })
  }

  /** Lets something happen to requests, from now until its `times` are used up or it is healed. */
  async inject(injection: Injection): Promise<Injected> {
    const id: number = await this.#ask('inject', injection)
    return {
      taken: () => this.#ask('injected', { id }),
      heal: () => this.#ask('heal', { id }),
    }
  }

  /** Ends all injections, and lets go what they held. */
  async healAll(): Promise<void> {
    await this.#ask('heal', { id: 0 })
  }

  async #ask<T>(operation: string, body: object = {}): Promise<T> {
    const response = await fetch(`${this.#url()}/${operation}`, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    })
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`vcsim control ${operation}: ${JSON.stringify(answer)}`)
    return answer as T
  }
}

export interface SimulatedVm {
  readonly ref: string
  readonly name: string
  readonly template: boolean
  readonly power: 'poweredOn' | 'poweredOff' | 'suspended'
  readonly instanceUuid: string
  readonly uuid: string
  readonly cpus: number
  readonly memoryMB: number
  readonly disksKB: readonly number[]
  readonly macs: readonly string[]
  readonly addresses: readonly string[]
  /** Names. */
  readonly folder: string
  readonly pool: string
  readonly datastores: readonly string[]
  readonly networks: readonly string[]
  readonly annotation: string
  readonly extraConfig: Readonly<Record<string, string>>
  /** Custom attributes by name. */
  readonly attributes: Readonly<Record<string, string>>
}

export interface VcsimStats {
  readonly requests: Readonly<Record<string, number>>
  readonly outstanding: Readonly<Record<string, { readonly now: number; readonly max: number }>>
  readonly logins: { readonly accepted: number; readonly refused: number }
}

export type Injection = {
  /** `CloneVM_Task`, or `*` for every one. */
  readonly method: string
  /** Text that the request must hold, e.g. a VM's name. */
  readonly matching?: string
  /** How many such requests go through first. */
  readonly skip?: number
  /** How many are affected; 1 if not given, -1 for all. */
  readonly times?: number
} & (
  | /** The call is refused by a fault of vSphere's API. */ ({ readonly action: 'fault' } & InjectedFault)
  | /** The task starts, and ends in the fault. */ ({ readonly action: 'task-fault' } & InjectedFault)
  | /** The connection is cut before anything is done. */ { readonly action: 'cut-before' }
  | /** It is done, but the reply is lost. */ { readonly action: 'cut-after' }
  | { readonly action: 'delay'; readonly delayMs: number }
  | /** No answer until it is healed. */ { readonly action: 'hold' }
  | /** An HTTP error, as a proxy or a vCenter that is starting gives. */ {
      readonly action: 'status'
      readonly status: number
      readonly message?: string
    }
)

export interface InjectedFault {
  /** The API's name: `NoPermission`. */
  readonly fault: string
  /** Its fields as govmomi's Go types name them: `{ PrivilegeId: 'VirtualMachine.Config.Rename' }`. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** vCenter's own words if not given. */
  readonly message?: string
}

export interface Injected {
  /** How many requests it has affected. */
  taken(): Promise<number>
  /** Ends it, lets go what it held, and gives how many requests it has affected. */
  heal(): Promise<number>
}
