/**
 * All VMs of a vCenter at once: the properties come in portions, two under way at a time, so that vCenter writes one
 * while the other is read; each is parsed as it streams in, and no more than its VMs is kept.
 */
import { PcgError } from '../../runtime/pcg-error.ts'
import { cancelled } from './abortable.ts'
import { readAnswer } from './bulk-answer.ts'
import type { BulkChannel } from './bulk-channel.ts'
import { ownText } from './bulk-field.ts'
import { continueRetrieve, createContainerView, destroyView, retrieveViewed, retrieveVms } from './bulk-request.ts'
import { children, type Rule } from './bulk-rule.ts'
import { vmRule } from './bulk-vm.ts'
import type { MoRef } from './moref.ts'
import type { VmProperty, VmRecord } from './vm-model.ts'

/** VMs in one request: a few MB of XML. */
const PORTION = 250
const UNDER_WAY = 2

export interface BulkOptions {
  readonly propertyCollector: MoRef
  readonly viewManager: MoRef
  /** The folder, datacenter or other entity below which VMs are looked for. */
  readonly container: MoRef
  readonly properties: readonly VmProperty[]
  /** Which entries of `config.extraConfig` to keep; none if not given. */
  readonly extraConfigKeys?: ReadonlySet<string>
  readonly signal: AbortSignal
}

/**
 * Retrieves every VM below the container, templates too; one that is deleted meanwhile may be left out. Complete, or it
 * throws: `unauthenticated` where the session is gone (log in and ask again), `interrupted` where an answer was lost.
 */
export async function retrieveAllVms(channel: BulkChannel, options: BulkOptions): Promise<VmRecord[]> {
  try {
    const view = await makeView(channel, options)
    try {
      return await retrieve(channel, await viewed(channel, view, options), options)
    } finally {
      await destroy(channel, view)
    }
  } catch (cause) {
    if (options.signal.aborted) throw cancelled(options.signal)
    throw PcgError.from(cause, 'retrieving the VMs of vCenter')
  }
}

async function makeView(channel: BulkChannel, { viewManager, container, signal }: BulkOptions): Promise<MoRef> {
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
  throw new PcgError('unauthenticated', 'vCenter does not show its VMs: the session is gone')
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
      const request = retrieveVms(options.propertyCollector, portions[index] ?? [], options.properties)
      const object = vmRule((vm) => into.push(checked(vm)), options.extraConfigKeys)
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
function checked(vm: VmRecord): VmRecord {
  for (const fault of vm.missing.values()) if (fault.type === 'NotAuthenticated') refuseMissing()
  return vm
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
