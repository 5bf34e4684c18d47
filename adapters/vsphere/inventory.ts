/** What a placement may name, from the tree. Pure. */
import type { InventoryItem } from '../../resources/query.ts'
import { datacenterOf, nodesOf, parentOf, pathBelow, pathOf, type Tree, type TreeNode } from './inventory-tree.ts'
import { isUplink, poolCandidates } from './placement.ts'
import { flag, number, ref, text } from './soap-value.ts'

const GIB = 1024 ** 3

export function listInventory(tree: Tree): InventoryItem[] {
  const inside = (...types: string[]) =>
    nodesOf(tree, ...types).filter((node) => datacenterOf(tree, node) !== undefined)
  const item = (kind: string, node: TreeNode, name: string, detail: InventoryItem['detail'] = {}): InventoryItem => ({
    kind,
    name,
    path: pathOf(tree, node),
    detail: { id: node.ref.value, datacenter: datacenterOf(tree, node)?.name ?? '', ...detail },
  })
  const below = (node: TreeNode) => pathBelow(tree, node, ref(datacenterOf(tree, node)?.values.get('vmFolder'))) ?? ''
  const pools = poolCandidates(tree, inside('ResourcePool'))
  const beside = (node: TreeNode) => pools.filter((pool) => datacenterOf(tree, pool.node) === datacenterOf(tree, node))
  const networks = inside('Network', 'DistributedVirtualPortgroup', 'OpaqueNetwork').filter((node) => !isUplink(node))
  const templates = inside('VirtualMachine').filter(({ values }) => flag(values.get('config.template')) === true)
  return [
    ...nodesOf(tree, 'Datacenter').map((node) => item('datacenter', node, node.name)),
    ...inside('ComputeResource', 'ClusterComputeResource').map((node) =>
      item('cluster', node, node.name, { host: node.ref.type === 'ComputeResource' }),
    ),
    ...pools
      .filter(({ node }) => parentOf(tree, node)?.ref.type === 'ResourcePool')
      .map(({ node, names }) => item('resource-pool', node, shortest(names, beside(node)))),
    ...inside('Datastore').map((node) => item('datastore', node, node.name, spaceOf(node))),
    ...networks.map((node) => item('network', node, node.name, { type: node.ref.type })),
    ...inside('Folder')
      .filter((node) => below(node) !== '')
      .map((node) => item('folder', node, below(node))),
    ...templates.map((node) => item('template', node, below(node))),
  ]
}

/** The plain name where it is the only one of its kind, else the path. */
function shortest(names: readonly string[], all: readonly { readonly names: readonly string[] }[]): string {
  return names.find((name) => all.filter((other) => other.names.includes(name)).length === 1) ?? names.at(-1) ?? ''
}

function spaceOf(node: TreeNode): InventoryItem['detail'] {
  const summary = node.values.get('summary')
  return {
    type: text(summary, 'type') ?? '',
    freeGiB: Math.floor((number(summary, 'freeSpace') ?? 0) / GIB),
    capacityGiB: Math.floor((number(summary, 'capacity') ?? 0) / GIB),
    accessible: flag(summary, 'accessible') ?? false,
    maintenance: text(summary, 'maintenanceMode') !== 'normal' && text(summary, 'maintenanceMode') !== undefined,
  }
}
