/** Reading properties of vCenter's objects through its PropertyCollector, page by page. */
import { type MoRef, soapRef } from './moref.ts'
import type { LoggedIn, Session } from './session.ts'
import { field, list, ref, text } from './soap-value.ts'
import { faultError, localizedFault, type VimFault } from './vim-fault.ts'

/** Objects a page: keeps one answer small enough that parsing it doesn't hold up everything else. */
const PAGE = 400

/** An object with the properties that were asked for and are set. */
export interface VimProperties {
  readonly ref: MoRef
  readonly values: ReadonlyMap<string, unknown>
  /** What vCenter would not show, and why. */
  readonly missing: ReadonlyMap<string, VimFault>
}

/** Which properties of objects of a type (and its subtypes). */
export interface Wanted {
  readonly type: string
  readonly paths: readonly string[]
}

/** Everything below `container` of the wanted types, in one retrieval. Complete, or it throws. */
export async function retrieveBelow(
  session: Session,
  container: MoRef,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<VimProperties[]> {
  const { content } = await session.current(signal)
  const types = wanted.map(({ type }) => type)
  const view = await createContainerView(session, content.viewManager, container, types, signal)
  try {
    return await retrieve(session, [throughView(view)], wanted, signal)
  } finally {
    await session.read('DestroyView', view, {}, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined)
  }
}

/** Those of the given objects that are still there. */
export async function retrieveObjects(
  session: Session,
  objects: readonly MoRef[],
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<VimProperties[]> {
  if (objects.length === 0) return []
  const found = await retrieve(session, specsOf(objects), wanted, signal, { reportMissingObjectsInResults: true })
  return found.filter(({ missing }) => ![...missing.values()].some(({ type }) => type === 'ManagedObjectNotFound'))
}

/** One object's properties; throws where vCenter won't show one of them, and ManagedObjectNotFound where the object is gone. */
export async function retrieveObject(
  session: Session,
  object: MoRef,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown>> {
  const [found] = await retrieve(session, specsOf([object]), [{ type: object.type, paths }], signal)
  for (const [path, fault] of found?.missing ?? []) {
    throw faultError('denied', `${path} of ${object.value} can't be read: ${fault.message}`, fault)
  }
  return found?.values ?? new Map()
}

/** Objects that `collector.path` lists, such as the recent tasks of the task manager. */
export function retrieveListed(
  session: Session,
  owner: MoRef,
  path: string,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<VimProperties[]> {
  return retrieve(session, [through(owner, path)], [wanted], signal)
}

function specsOf(objects: readonly MoRef[]): object[] {
  return objects.map((obj) => ({ obj: soapRef(obj), skip: false }))
}

/** An ObjectSpec that selects what a view holds, and not the view itself. */
export function throughView(view: MoRef): object {
  return through(view, 'view')
}

function through(from: MoRef, path: string): object {
  const traversal = { attributes: { 'xsi:type': 'TraversalSpec' }, name: path, type: from.type, path, skip: false }
  return { obj: soapRef(from), skip: true, selectSet: [traversal] }
}

export function propertySet(wanted: readonly Wanted[]): object[] {
  return wanted.map(({ type, paths }) => ({ type, all: false, pathSet: [...paths] }))
}

export async function createContainerView(
  session: Session,
  manager: MoRef,
  container: MoRef,
  types: readonly string[],
  signal: AbortSignal,
): Promise<MoRef> {
  const args = { container: soapRef(container), type: [...types], recursive: true }
  const view = ref(await session.read('CreateContainerView', manager, args, { signal }))
  if (view === undefined) throw new TypeError('CreateContainerView answered no view')
  return view
}

async function retrieve(
  session: Session,
  objectSet: readonly object[],
  wanted: readonly Wanted[],
  signal: AbortSignal,
  more: object = {},
): Promise<VimProperties[]> {
  const open: LoggedIn = await session.current(signal)
  const collector = open.content.propertyCollector
  const args = {
    specSet: [{ propSet: propertySet(wanted), objectSet: [...objectSet], ...more }],
    options: { maxObjects: PAGE },
  }
  const found: VimProperties[] = []
  let page = await session.read('RetrievePropertiesEx', collector, args, { signal })
  for (;;) {
    for (const object of list(page, 'objects')) {
      const read = readObject(object)
      if (read !== undefined) found.push(read)
    }
    const token = text(page, 'token')
    if (token === undefined) return found
    page = await session.read('ContinueRetrievePropertiesEx', collector, { token }, { signal })
  }
}

function readObject(object: unknown): VimProperties | undefined {
  const of = ref(object, 'obj')
  if (of === undefined) return undefined
  const values = new Map<string, unknown>()
  for (const property of list(object, 'propSet')) {
    const name = text(property, 'name')
    if (name !== undefined) values.set(name, field(property, 'val'))
  }
  const missing = new Map<string, VimFault>()
  for (const property of list(object, 'missingSet')) {
    const path = text(property, 'path')
    if (path !== undefined) missing.set(path, localizedFault(field(property, 'fault')))
  }
  return { ref: of, values, missing }
}
