/**
 * The guests that vcsim's VMs don't have: each VM that is powered on with user-data reads it, clears it if its metadata
 * asks for that, phones home over HTTPS as the real one's cloud-init would, and shows its address to vCenter. One of a control plane then asks the gateway, as the
 * real one's timer does, who leaves the cluster. A VM that is powered off, or gone, falls silent; one that is powered on
 * again phones home again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type GuestInfo, readGuestInfo, redacted } from './guestinfo.ts'
import { phoneHome, serveControlPlane } from './phone-home.ts'
import type { Vcsim } from './vcsim.ts'
import type { SimulatedVm } from './vcsim-control.ts'

export interface GuestOptions {
  /** Ends all guests. */
  readonly signal: AbortSignal
  /** From power-on to the phone-home; 0 if not given. */
  readonly delayMs?: number
  /** How often it is looked for VMs that were powered on; 100 ms if not given. */
  readonly everyMs?: number
  /** How often a control plane's guest asks the gateway; 1 s if not given. */
  readonly askMs?: number
  /** Which VMs have a guest that works; all if not given. */
  readonly boots?: (vm: SimulatedVm) => boolean
}

export interface Guests {
  /** What became of each boot so far, in order. */
  readonly boots: readonly Boot[]
  /** Resolves when the signal has aborted and every guest has ended. */
  readonly ended: Promise<void>
}

export type Boot = { readonly vm: string; readonly ref: string; readonly addresses: readonly string[] } & (
  | { readonly outcome: 'accepted' }
  /** The gateway said no: its HTTP status and words. */
  | { readonly outcome: 'refused'; readonly status: number; readonly message: string }
  /** What cloud-init could not read. */
  | { readonly outcome: 'unreadable'; readonly message: string }
)

export function playGuests(vcsim: Vcsim, options: GuestOptions): Guests {
  const boots: Boot[] = []
  const disks: Disks = new Map()
  const running = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>()
  const { signal, delayMs = 0, everyMs = 100, askMs = 1_000 } = options

  async function look(): Promise<void> {
    const on = new Map<string, SimulatedVm>()
    for (const vm of await vcsim.control.vms()) {
      const boots = vm.power === 'poweredOn' && 'guestinfo.userdata' in vm.extraConfig
      if (boots && (options.boots?.(vm) ?? true)) on.set(vm.ref, vm)
    }
    for (const [ref, guest] of running) {
      if (on.has(ref)) continue
      guest.stop.abort()
      running.delete(ref)
    }
    for (const [ref, vm] of on) {
      if (running.has(ref)) continue
      const stop = new AbortController()
      const both = AbortSignal.any([signal, stop.signal])
      running.set(ref, { stop, ended: boot(vcsim, vm, { delayMs, askMs, disks }, boots, both) })
    }
  }

  async function play(): Promise<void> {
    while (!signal.aborted) {
      // A simulator that is being restarted or was closed shows no VMs for now.
      await look().catch(() => {})
      await sleep(everyMs, undefined, { signal }).catch(() => {})
    }
    await Promise.all([...running.values()].map((guest) => guest.ended))
  }
  return { boots, ended: play() }
}

/** What the VMs' disks hold, by reference: what their guests read when they first booted. */
type Disks = Map<string, GuestInfo | null>

/** One boot, to its end; never rejects. */
async function boot(
  vcsim: Vcsim,
  vm: SimulatedVm,
  { delayMs, askMs, disks }: { delayMs: number; askMs: number; disks: Disks },
  boots: Boot[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await sleep(delayMs, undefined, { signal })
    const info = disks.get(vm.ref) ?? readGuestInfo(vm.extraConfig)
    if (!disks.has(vm.ref) && info?.redact.length) {
      await vcsim.control.reconfigure(vm.ref, { extraConfig: redacted(info.redact) })
    }
    disks.set(vm.ref, info)
    const addresses = info?.addresses.length ? info.addresses : [dhcpAddress(vm.ref)]
    await vcsim.control.setGuest(vm.ref, { hostName: info?.hostName ?? vm.name, addresses })
    if (!info?.phoneHome) return
    const answer = await phoneHome(info.phoneHome, addresses, signal)
    const seen = { vm: vm.name, ref: vm.ref, addresses }
    if (answer.status < 300) boots.push({ ...seen, outcome: 'accepted' })
    else boots.push({ ...seen, outcome: 'refused', ...answer })
    await serveControlPlane(info, { askMs, signal })
  } catch (error) {
    if (signal.aborted) return
    boots.push({ vm: vm.name, ref: vm.ref, addresses: [], outcome: 'unreadable', message: String(error) })
  }
}

/** The address that a DHCP server would give this VM: of 10.77.0.0/16, the same each time. */
function dhcpAddress(ref: string): string {
  const number = Number(ref.split('-').at(-1))
  return `10.77.${(number >> 8) & 255}.${number & 255}`
}
