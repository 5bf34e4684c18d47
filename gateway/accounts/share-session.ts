import { isDeepStrictEqual } from 'node:util'
import type { CloudAccount } from '../../resources/cloud-account.ts'

/** Opens what was sealed for the account of that name; throws if it can't. */
export type Unseal = (account: string, sealed: string) => Promise<Readonly<Record<string, string>>>

/** Whether two forms of an account have the same credentials at the same place, and so must not be in use at once. */
export async function shareSession(a: CloudAccount, b: CloudAccount, unseal: Unseal): Promise<boolean> {
  if (placeOf(a) !== placeOf(b)) return false
  if (a.spec.cloud === 'sandbox' || b.spec.cloud === 'sandbox') return true
  try {
    // The same credentials look different each time that they are sealed, so they are compared open.
    const one = await unseal(a.metadata.name, a.spec.sealed)
    const other = await unseal(b.metadata.name, b.spec.sealed)
    return isDeepStrictEqual({ ...one }, { ...other })
  } catch {
    // What can't be opened makes no session.
    return false
  }
}

/** Where an account logs in. */
function placeOf({ spec }: CloudAccount): string {
  switch (spec.cloud) {
    case 'sandbox':
      return 'sandbox'
    case 'vsphere':
      return `vsphere ${spec.server}`
    case 'openstack':
      return `openstack ${spec.authUrl}`
    default:
      return spec satisfies never
  }
}
