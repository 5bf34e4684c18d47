import type { OpenstackFoundation } from './foundation-observed.ts'

/** A foundation of which nothing is there. */
export const NOTHING: OpenstackFoundation = {
  objects: [],
  endpoint: null,
  networks: [],
  subnets: [],
  routers: [],
  securityGroups: [],
  serverGroups: [],
  vipPorts: [],
  floatingIps: [],
  loadBalancers: [],
  site: {
    networkId: undefined,
    subnetId: undefined,
    subnetCidr: undefined,
    routerNetworkId: undefined,
    hairpin: [],
  },
}
