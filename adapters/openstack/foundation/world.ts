import type { Clock } from '../../../runtime/clock.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import type { Names } from '../names.ts'
import type { ServerGroups } from './server-groups.ts'

/** What foundations are read and made with. */
export interface World {
  readonly cloud: OpenstackCloud
  readonly names: Names
  readonly serverGroups: ServerGroups
  readonly clock: Clock
}
