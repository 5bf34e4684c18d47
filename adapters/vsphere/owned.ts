/** Everything in a vCenter that bears a gateway's mark. */
import type { ExternalObject, OwnerMark } from '../adapter.ts'
import { unescapeName } from './inventory-tree.ts'
import { readExtraConfig, readOwner } from './owner-mark.ts'
import { retrieveBelow, type VimProperties } from './properties.ts'
import type { Session } from './session.ts'
import { text } from './soap-value.ts'
import { faultError } from './vim-fault.ts'

const PATHS = ['name', 'config.instanceUuid', 'config.extraConfig'] as const

/** Over the whole vCenter; throws where a VM's mark can't be read, for it might be ours. */
export async function* ownedObjects(
  session: Session,
  gateway: string,
  signal: AbortSignal,
): AsyncGenerator<ExternalObject> {
  const { content } = await session.current(signal)
  const vms = await retrieveBelow(session, content.rootFolder, [{ type: 'VirtualMachine', paths: PATHS }], signal)
  for (const vm of vms) {
    const name = unescapeName(text(vm.values.get('name')) ?? vm.ref.value)
    const fault = vm.missing.get('config.extraConfig') ?? vm.missing.get('config.instanceUuid')
    if (fault !== undefined && fault.type !== 'ManagedObjectNotFound') {
      throw faultError('denied', `whose VM ${name} is can't be read: ${fault.message}`, fault, {
        subject: name,
        remedy: 'Give the account the right to read every VM that it can see.',
      })
    }
    const owner = readMark(vm)
    if (owner?.gateway === gateway) yield { kind: vm.ref.type, id: vm.ref.value, name, owner }
  }
}

/** From `config.instanceUuid` and `config.extraConfig`. */
export function readMark(vm: VimProperties): OwnerMark | undefined {
  const extraConfig = readExtraConfig(vm.values.get('config.extraConfig'))
  return readOwner(extraConfig, text(vm.values.get('config.instanceUuid')))
}
