import type { Adapter, AdapterContext } from '../../adapters/adapter.ts'
import type { CloudAccount } from '../../resources/cloud-account.ts'
import { findingOf } from '../../resources/finding.ts'
import type { Finding } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'

/** How an account did in a session of its own, before it takes the place of one that works. */
export type Trial =
  | { readonly passed: true; readonly adapter: Adapter; readonly findings: readonly Finding[] }
  | {
      readonly passed: false
      readonly findings: readonly Finding[]
      /** In what words the cloud refused the credentials; null if that wasn't it. */
      readonly refused: string | null
    }

/** Verifies the account once. Throws only when the signal aborts. The adapter of one that passed is the caller's to close. */
export async function tryAccount(
  account: CloudAccount,
  createAdapter: (account: CloudAccount) => Promise<Adapter>,
  context: AdapterContext,
): Promise<Trial> {
  const subject = `account ${account.metadata.name}`
  let adapter: Adapter | null = null
  try {
    adapter = await createAdapter(account)
    const findings = await adapter.verify(context)
    if (!findings.some((finding) => finding.severity === 'error')) return { passed: true, adapter, findings }
    await adapter.close()
    return { passed: false, findings, refused: null }
  } catch (cause) {
    await adapter?.close()
    context.signal.throwIfAborted()
    const error = PcgError.from(cause)
    const refused = error.code === 'credentials' ? error.message : null
    return { passed: false, findings: [findingOf(error, subject)], refused }
  }
}

/** What to say of an account whose new form is not used, though it was asked for. */
export function rejectionOf(name: string, { findings, refused }: Trial & { passed: false }): Finding[] {
  return refused === null ? [stillUsed(name), ...findings] : [refusal(name, refused)]
}

export function refusal(name: string, message: string): Finding {
  return {
    severity: 'error',
    subject: `account ${name}`,
    message: `the cloud refused the new credentials, and the former ones are still in use, so that nothing stops: ${message}`,
    remedy:
      'the new ones are not tried again; seal the right ones with `pcg secret seal` and apply the account again before the former ones end',
  }
}

function stillUsed(name: string): Finding {
  return {
    severity: 'warning',
    subject: `account ${name}`,
    message:
      'what was applied last has not passed its verification, and what was there before is still in use, so that nothing stops',
    remedy:
      'correct what is wrong below and apply the account again; until then it is verified again from time to time',
  }
}
