/** VMs by the thousand, read in the adapter's session. */
import { retrieveAllVms, retrieveVms, type VmQuery } from './bulk.ts'
import type { MoRef } from './moref.ts'
import type { Session } from './session.ts'
import type { VmRecord } from './vm-model.ts'

/** Every VM that the account can see, templates too. Complete, or it throws. */
export function readAllVms(session: Session, query: VmQuery, signal: AbortSignal): Promise<VmRecord[]> {
  return session.readInBulk(signal, (channel, { propertyCollector, viewManager, rootFolder }) =>
    retrieveAllVms(channel, { ...query, propertyCollector, viewManager, container: rootFolder, signal }),
  )
}

/** Those of the given VMs that are still there. */
export function readVms(
  session: Session,
  vms: readonly MoRef[],
  query: VmQuery,
  signal: AbortSignal,
): Promise<VmRecord[]> {
  return session.readInBulk(signal, (channel, { propertyCollector }) =>
    retrieveVms(channel, vms, { ...query, propertyCollector, signal }),
  )
}
