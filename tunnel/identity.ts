/** Who a gateway is, as its certificate says: the URI SAN `pcg://TENANT/gateways/NAME`. */
export interface GatewayIdentity {
  readonly tenant: string
  readonly gateway: string
}

/** `tenant/gateway`: the key of a gateway everywhere, also in owner marks. */
export function gatewayKey(identity: GatewayIdentity): string {
  return `${identity.tenant}/${identity.gateway}`
}
