/** Which certificates of a gateway count, by serial number. */
import { PcgError } from '../runtime/pcg-error.ts'
import type { GatewayIdentity } from '../tunnel/identity.ts'
import type { GatewayStore } from './store/gateway-store.ts'

/** Throws `unauthenticated`, with the remedy, unless the gateway's certificate with this serial number counts. */
export function refuseCertificate(gateways: GatewayStore, identity: GatewayIdentity, serial: string): void {
  const wrong = whatIsWrong(gateways, identity, serial)
  if (wrong === undefined) return
  throw new PcgError('unauthenticated', wrong, {
    subject: identity.gateway,
    remedy: `Make a new join token for ${identity.gateway}, and enrol it again.`,
  })
}

function whatIsWrong(gateways: GatewayStore, identity: GatewayIdentity, serial: string): string | undefined {
  const record = gateways.get(identity)
  if (record === undefined) return `gateway ${identity.gateway} is not known here: it was deleted`
  if (record.revoked) return `gateway ${identity.gateway} is revoked`
  if (gateways.hasSerial(identity, serial)) return undefined
  return `the certificate of gateway ${identity.gateway} was replaced by a newer one`
}
