import { PcgError } from '../runtime/pcg-error.ts'

/** Who a gateway is, as its certificate says: the URI SAN `pcg://TENANT/gateways/NAME`. */
export interface GatewayIdentity {
  readonly tenant: string
  readonly gateway: string
}

/** `tenant/gateway`: the key of a gateway everywhere, also in owner marks. */
export function gatewayKey(identity: GatewayIdentity): string {
  return `${identity.tenant}/${identity.gateway}`
}

export function identityUri(identity: GatewayIdentity): string {
  return `pcg://${identity.tenant}/gateways/${identity.gateway}`
}

const LABEL = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?'
const URI = new RegExp(`^pcg://(${LABEL})/gateways/(${LABEL})$`)

/** Reads `pcg://TENANT/gateways/NAME`; throws `invalid` for anything else. */
export function parseIdentityUri(uri: string): GatewayIdentity {
  const [, tenant, gateway] = URI.exec(uri) ?? []
  if (tenant === undefined || gateway === undefined) {
    throw new PcgError('invalid', `"${uri}" is not a gateway's identity`, {
      remedy: 'Give it as pcg://TENANT/gateways/NAME, both in lower-case letters, digits and dashes.',
    })
  }
  return { tenant, gateway }
}
