/** vCenter's inventory as a tree of what a placement may name. */
import type { MoRef } from './moref.ts'
import { retrieveBelow, type VimProperties, type Wanted } from './properties.ts'
import type { Session } from './session.ts'
import { ref, text } from './soap-value.ts'
import type { VmRecord } from './vm-model.ts'
import { readAllVms } from './vm-records.ts'

export interface TreeNode {
  readonly ref: MoRef
  /** As people see it: vCenter escapes `/`, `\` and `%`. */
  readonly name: string
  readonly parent: MoRef | undefined
  readonly values: ReadonlyMap<string, unknown>
}

export interface Tree {
  readonly root: MoRef
  /** By the reference's value, which is unique in a vCenter. */
  readonly nodes: ReadonlyMap<string, TreeNode>
}

const WANTED: readonly Wanted[] = [
  { type: 'Datacenter', paths: ['name', 'parent', 'vmFolder', 'hostFolder', 'datastoreFolder', 'networkFolder'] },
  { type: 'Folder', paths: ['name', 'parent'] },
  { type: 'ComputeResource', paths: ['name', 'parent', 'resourcePool', 'datastore', 'network', 'summary'] },
  { type: 'ResourcePool', paths: ['name', 'parent', 'owner'] },
  { type: 'Datastore', paths: ['name', 'parent', 'summary'] },
  { type: 'Network', paths: ['name', 'parent', 'summary'] },
  // All of it again: of several types that fit an object, vCenter may go by one alone.
  {
    type: 'DistributedVirtualPortgroup',
    paths: ['name', 'parent', 'summary', 'tag', 'config.key', 'config.distributedVirtualSwitch'],
  },
  { type: 'DistributedVirtualSwitch', paths: ['name', 'parent', 'uuid'] },
]
const OF_VMS = { properties: ['name', 'parent', 'config.template', 'config.instanceUuid'] } as const

export async function readTree(session: Session, signal: AbortSignal): Promise<Tree> {
  const { content } = await session.current(signal)
  const [places, vms] = await Promise.all([
    retrieveBelow(session, content.rootFolder, WANTED, signal),
    readAllVms(session, OF_VMS, signal),
  ])
  return buildTree(content.rootFolder, [...places, ...vms.map(objectOf)])
}

function objectOf(vm: VmRecord): Pick<VimProperties, 'ref' | 'values'> {
  const values = {
    name: vm.name,
    parent: vm.parent === null ? null : { type: 'Folder', value: vm.parent },
    'config.template': vm.template,
    'config.instanceUuid': vm.instanceUuid,
  } satisfies Record<(typeof OF_VMS.properties)[number], unknown>
  return { ref: { type: 'VirtualMachine', value: vm.ref }, values: new Map(Object.entries(values)) }
}

export function buildTree(root: MoRef, objects: readonly Pick<VimProperties, 'ref' | 'values'>[]): Tree {
  const nodes = new Map<string, TreeNode>()
  for (const object of objects) {
    const name = text(object.values.get('name'))
    // A VM that is just being made, or that we may not see, has no name yet.
    if (name === undefined) continue
    nodes.set(object.ref.value, {
      ref: object.ref,
      name: unescapeName(name),
      parent: ref(object.values.get('parent')),
      values: object.values,
    })
  }
  return { root, nodes }
}

export function unescapeName(name: string): string {
  return name.replace(/%(2f|5c|25)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
}

export function escapeName(name: string): string {
  return name.replace(/[%/\\]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
}

export function nodesOf(tree: Tree, ...types: readonly string[]): TreeNode[] {
  return [...tree.nodes.values()].filter((node) => types.includes(node.ref.type))
}

/** From the root down to the node: `/DC0/vm/prod/web-1`. */
export function pathOf(tree: Tree, node: TreeNode): string {
  return `/${ancestry(tree, node)
    .map(({ name }) => name)
    .join('/')}`
}

/** From the topmost one to the node itself. */
export function ancestry(tree: Tree, node: TreeNode): TreeNode[] {
  const way: TreeNode[] = []
  for (let at: TreeNode | undefined = node; at !== undefined; at = parentOf(tree, at)) way.unshift(at)
  return way
}

export function parentOf(tree: Tree, node: TreeNode): TreeNode | undefined {
  return node.parent === undefined ? undefined : tree.nodes.get(node.parent.value)
}

export function datacenterOf(tree: Tree, node: TreeNode): TreeNode | undefined {
  return ancestry(tree, node).find(({ ref: { type } }) => type === 'Datacenter')
}

/** The node's path below one of its datacenter's own folders: `prod/web` of `/DC0/vm/prod/web`. */
export function pathBelow(tree: Tree, node: TreeNode, folder: MoRef | undefined): string | undefined {
  const way = ancestry(tree, node)
  const at = way.findIndex(({ ref: { value } }) => value === folder?.value)
  return at < 0
    ? undefined
    : way
        .slice(at + 1)
        .map(({ name }) => name)
        .join('/')
}
