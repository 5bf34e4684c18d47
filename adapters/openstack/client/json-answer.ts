import { PcgError } from '../../../runtime/pcg-error.ts'
import { isRead } from './openstack-fault.ts'
import type { Method, Reply } from './transport.ts'

/**
 * What a successful answer holds; undefined if nothing. An answer that is cut off, or isn't JSON, throws `unavailable`; or
 * `interrupted` where the call was a change, which may have been carried out.
 */
export function decodeJson(to: string, method: Method, path: string, reply: Reply): unknown {
  if (reply.body === '') return undefined
  const type = reply.header('content-type') ?? 'no content type'
  if (!/[/+]json\b/i.test(type))
    throw unreadable(to, method, `answered ${method} ${path} with ${type} and not with JSON`)
  try {
    return JSON.parse(reply.body)
  } catch {
    // JSON.parse's own words may quote the answer, and so a secret.
    throw unreadable(
      to,
      method,
      `answered ${method} ${path} with JSON that is cut off or broken (${reply.body.length} characters)`,
    )
  }
}

function unreadable(to: string, method: Method, what: string): PcgError {
  return new PcgError(isRead(method) ? 'unavailable' : 'interrupted', `${to} ${what}`, {
    remedy: 'Check that the endpoint is right and that no proxy changes what it answers.',
  })
}
