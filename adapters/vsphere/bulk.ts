/**
 * VMs by the thousand: the properties come in portions, two under way at a time, so that vCenter writes one
 * while the other is read; each is parsed as it streams in, and no more than its VMs is kept.
 */
import { PcgError } from '../../runtime/pcg-error.ts'
import { cancelled } from './abortable.ts'
import { readAnswer } from './bulk-answer.ts'
import type { BulkChannel } from './bulk-channel.ts'
import { ownText } from './bulk-field.ts'
import {
  continueRetrieve,
  createContainerView,
  destroyView,
  retrieveProperties,
  retrieveViewed,
} from './bulk-request.ts'
import { children, type Rule } from './bulk-rule.ts'
import { vmRule } from './bulk-vm.ts'
import type { MoRef } from './moref.ts'
import { faultError, vimFault } from './vim-fault.ts'
import type { VmProperty, VmRecord } from './vm-model.ts'

/** VMs in one request: a few MB of XML. */
const PORTION = 250
const UNDER_WAY = 2

/** What of each VM. */
export interface VmQuery {
  readonly properties: readonly VmProperty[]
  /** Which entries of `config.extraConfig` to keep; none if not given. */
  readonly extraConfigKeys?: ReadonlySet<string>
}

export interface BulkOptions extends VmQuery {
  readonly propertyCollector: MoRef
  readonly signal: AbortSignal
}

export interface BelowOptions extends BulkOptions {
  readonly viewManager: MoRef
  /** The folder, datacenter or other entity below which VMs are looked for. */
  readonly container: MoRef
}

/**
 * Retrieves every VM below the container, templates too; one that is deleted meanwhile is left out. Complete, or it
 * throws: NotAuthenticated where the session is gone (log in and ask again), `interrupted` where an answer was lost.
 */
export async function retrieveAllVms(channel: BulkChannel, options: BelowOptions): Promise<VmRecord[]> {
  const view = await guarded(options.signal, makeView(channel, options))
  try {
    return await retrieveVms(channel, await guarded(options.signal, viewed(channel, view, options)), options)
  } finally {
    await destroy(channel, view)
  }
}

/** Retrieves these VMs, in their order; as `retrieveAllVms`. */
export function retrieveVms(channel: BulkChannel, vms: readonly MoRef[], options: BulkOptions): Promise<VmRecord[]> {
  return guarded(options.signal, retrieve(channel, vms, options))
}

async function guarded<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (signal.aborted) throw cancelled(signal)
    throw PcgError.from(cause, 'retrieving the VMs of vCenter')
  }
}

async function makeView(channel: BulkChannel, { viewManager, container, signal }: BelowOptions): Promise<MoRef> {
  const view = { type: 'ContainerView', value: '' }
  const answer = await channel.post(createContainerView(viewManager, container), signal)
  await readAnswer(
    answer,
    ownText((value) => {
      view.value = value
    }),
  )
  return view
}

/** It would end with the session anyway: not worth a failure of its own. */
async function destroy(channel: BulkChannel, view: MoRef): Promise<void> {
  try {
    await readAnswer(await channel.post(destroyView(view), AbortSignal.timeout(5_000)), {})
  } catch {}
}

async function viewed(channel: BulkChannel, view: MoRef, options: BulkOptions): Promise<MoRef[]> {
  const found: MoRef[] = []
  const reference = ownText((value) => found.push({ type: 'VirtualMachine', value }))
  const references: Rule = { children: children({ ManagedObjectReference: reference }) }
  const object: Rule = {
    children: children({ propSet: { children: children({ val: references }) }, missingSet: { begin: refuseMissing } }),
  }
  await retrievePages(channel, retrieveViewed(options.propertyCollector, view), object, options)
  return found
}

function refuseMissing(): never {
  const fault = vimFault('NotAuthenticated', 'vCenter does not show its VMs: the session is gone')
  throw faultError('unauthenticated', fault.message, fault)
}

async function retrieve(channel: BulkChannel, vms: readonly MoRef[], options: BulkOptions): Promise<VmRecord[]> {
  const portions: MoRef[][] = []
  for (let at = 0; at < vms.length; at += PORTION) portions.push(vms.slice(at, at + PORTION))
  const records: VmRecord[][] = portions.map(() => [])
  const ending = new AbortController()
  const signal = AbortSignal.any([options.signal, ending.signal])
  let next = 0
  const work = async (): Promise<void> => {
    for (let index = next++; index < portions.length; index = next++) {
      const into = records[index] ?? []
      const request = retrieveProperties(options.propertyCollector, portions[index] ?? [], options.properties)
      const keep = (vm: VmRecord): void => {
        if (isThere(vm)) into.push(vm)
      }
      const object = vmRule(keep, options.extraConfigKeys)
      await retrievePages(channel, request, object, { ...options, signal })
    }
  }
  try {
    await Promise.all(Array.from({ length: UNDER_WAY }, work))
  } finally {
    ending.abort()
  }
  return records.flat()
}

/** Without a session vCenter gives objects with nothing in them, which would read as "not set". */
function isThere(vm: VmRecord): boolean {
  const faults = [...vm.missing.values()].map(({ type }) => type)
  if (faults.includes('NotAuthenticated')) refuseMissing()
  return !faults.includes('ManagedObjectNotFound')
}

/** Sends a retrieval, and asks for the rest as long as vCenter says that there is one. */
async function retrievePages(
  channel: BulkChannel,
  first: string,
  object: Rule,
  { propertyCollector, signal }: BulkOptions,
): Promise<void> {
  let request: string | null = first
  while (request !== null) {
    let token = ''
    const more = ownText((value) => {
      token = value
    })
    const result: Rule = { children: children({ token: more, objects: object }) }
    await readAnswer(await channel.post(request, signal), result)
    request = token === '' ? null : continueRetrieve(propertyCollector, token)
  }
}
