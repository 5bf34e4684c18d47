/** Whether the account can be worked with: reachability, version, credentials, privileges. Reads only. */
import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { datacenterOf, nodesOf, readTree, type Tree, type TreeNode } from './inventory-tree.ts'
import { isUplink, poolCandidates } from './placement.ts'
import { type Checked, checkPrivileges, KINDS, missingPrivileges, type Subject } from './privilege-check.ts'
import type { Scope } from './privileges.ts'
import type { LoggedIn, Session } from './session.ts'
import { flag, ref } from './soap-value.ts'

/** The oldest API that has all that is used. */
const OLDEST = [6, 5] as const

export async function verifyAccount(session: Session, server: string, signal: AbortSignal): Promise<Finding[]> {
  let open: LoggedIn
  try {
    open = await session.current(signal)
  } catch (thrown) {
    return [loginFailed(PcgError.from(thrown), server)]
  }
  const findings = [versionFinding(open)]
  findings.push({ severity: 'ok', subject: 'credentials', message: `logged in as ${open.userName}` })
  const tree = await readTree(session, signal)
  const checked = await checkPrivileges(session, subjectsOf(tree), signal)
  return [...findings, ...privilegeFindings(checked)]
}

/** Refused credentials aren't a finding: they stop the whole account. */
function loginFailed(error: PcgError, server: string): Finding {
  if (error.code === 'cancelled' || error.code === 'credentials') throw error
  return {
    severity: 'error',
    subject: error.subject ?? `vCenter ${server}`,
    message: error.message,
    remedy: error.remedy ?? 'Check that vCenter runs and that this gateway may connect to it.',
  }
}

function versionFinding({ content: { about } }: LoggedIn): Finding {
  const version = `${about.fullName} (API ${about.apiVersion})`
  if (isOldEnough(about.apiVersion)) return { severity: 'ok', subject: 'vCenter', message: version }
  return {
    severity: 'warning',
    subject: 'vCenter',
    message: `${version} is older than ${OLDEST.join('.')}, with which nothing was tried`,
    remedy: 'Update vCenter.',
  }
}

function isOldEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

/** Everything that a placement may name: which of it one will name is not known here. */
function subjectsOf(tree: Tree): Subject[] {
  const as = (scope: Scope, node: TreeNode, name = node.name): Subject => ({ scope, ref: node.ref, name })
  const folders = nodesOf(tree, 'Datacenter').flatMap((datacenter) => {
    const folder = ref(datacenter.values.get('vmFolder'))
    return folder === undefined ? [] : [{ scope: 'folder' as const, ref: folder, name: `/${datacenter.name}/vm` }]
  })
  const pools = poolCandidates(tree, nodesOf(tree, 'ResourcePool'))
  const networks = nodesOf(tree, 'Network', 'DistributedVirtualPortgroup', 'OpaqueNetwork')
  const vms = nodesOf(tree, 'VirtualMachine')
  return [
    { scope: 'vcenter', ref: tree.root, name: 'root folder' },
    ...folders,
    ...pools.map(({ node, names }) => as('resource-pool', node, names[0])),
    ...nodesOf(tree, 'Datastore').map((node) => as('datastore', node)),
    ...networks.filter((node) => !isUplink(node) && datacenterOf(tree, node)).map((node) => as('network', node)),
    ...vms.filter(({ values }) => flag(values.get('config.template')) === true).map((node) => as('template', node)),
  ]
}

/**
 * An error where nothing of a kind can be used, with what is missing on each; where only some can, the others are named as a warning,
 * for a site's owner may have meant it so.
 */
export function privilegeFindings(checked: readonly Checked[]): Finding[] {
  const scopes: readonly Scope[] = ['vcenter', 'folder', 'resource-pool', 'datastore', 'network', 'template']
  return scopes.flatMap((scope): Finding[] => {
    const group = checked.filter((one) => one.scope === scope)
    const usable = group.filter(({ missing }) => missing.length === 0)
    const lacking = group.filter(({ missing }) => missing.length > 0).map(missingPrivileges)
    if (group.length === 0) {
      return [
        {
          severity: scope === 'template' ? 'warning' : 'error',
          subject: KINDS[scope],
          message: 'there is none, or the user may see none',
          remedy: `Make one, or let the user see it (docs/vsphere-role.md).`,
        },
      ]
    }
    if (usable.length === 0) return lacking
    const names = usable.map(({ name }) => name).join(', ')
    const ok: Finding = { severity: 'ok', subject: KINDS[scope], message: `all privileges on ${names}` }
    return [ok, ...lacking.map((finding): Finding => ({ ...finding, severity: 'warning' }))]
  })
}
