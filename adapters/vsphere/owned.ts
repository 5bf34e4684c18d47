/** Everything in a vCenter that bears a gateway's mark. */
import type { ExternalObject, OwnerMark } from '../adapter.ts'
import type { VmQuery } from './bulk.ts'
import { unescapeName } from './inventory-tree.ts'
import { MARK, readOwner } from './owner-mark.ts'
import type { Session } from './session.ts'
import { faultError } from './vim-fault.ts'
import type { VmRecord } from './vm-model.ts'
import { readAllVms } from './vm-records.ts'

/** What `readMark` looks at. */
export const MARK_QUERY = {
  properties: ['config.instanceUuid', 'config.extraConfig'],
  extraConfigKeys: new Set(Object.values(MARK)),
} as const satisfies VmQuery

/** Over the whole vCenter; throws where a VM's mark can't be read, for it might be ours. */
export async function* ownedObjects(
  session: Session,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  const query = { ...MARK_QUERY, properties: ['name', ...MARK_QUERY.properties] } as const
  for (const vm of await readAllVms(session, query, signal)) {
    const name = unescapeName(vm.name ?? vm.ref)
    const fault = vm.missing.get('config.extraConfig') ?? vm.missing.get('config.instanceUuid')
    if (fault !== undefined) {
      throw faultError('denied', `whose VM ${name} is can't be read: ${fault.message}`, fault, {
        subject: name,
        remedy: 'Give the account the right to read every VM that it can see.',
      })
    }
    const owner = readMark(vm)
    if (owner?.gateway === gateway) yield { kind: 'VirtualMachine', id: vm.ref, name, owner }
  }
}

/** Whose VM it is, of those read by MARK_QUERY. */
export function readMark(vm: VmRecord): OwnerMark | undefined {
  return readOwner(Object.fromEntries(vm.extraConfig), vm.instanceUuid ?? undefined)
}
