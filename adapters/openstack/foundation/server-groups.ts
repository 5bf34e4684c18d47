/**
 * The project's server groups, of which nova lists all or none. Clusters that are looked at at the same time share one list, and
 * whoever made or deleted a group has the next one read anew.
 */
import type { Clock } from '../../../runtime/clock.ts'
import { abortable } from '../client/cancellation.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { type JsonRecord, recordsAt } from '../json-value.ts'
import { SERVER_GROUP_MICROVERSION } from './wanted.ts'

const FRESH_MS = 5_000
const READ_TIMEOUT_MS = 120_000
/** Nova's `max_limit` may be lower: the list ends where a page is empty. */
const PAGE = 1_000

export class ServerGroups {
  readonly #cloud: OpenstackCloud
  readonly #clock: Clock
  #shared: { readonly at: number; readonly groups: Promise<readonly JsonRecord[]> } | undefined

  constructor(cloud: OpenstackCloud, clock: Clock) {
    this.#cloud = cloud
    this.#clock = clock
  }

  all(signal: AbortSignal): Promise<readonly JsonRecord[]> {
    const now = this.#clock.now()
    if (this.#shared === undefined || now - this.#shared.at >= FRESH_MS) {
      // Shared by all who ask, so no single one's signal may end it.
      const groups = readServerGroups(this.#cloud, AbortSignal.timeout(READ_TIMEOUT_MS))
      const entry = { at: now, groups }
      this.#shared = entry
      groups.catch(() => {
        if (this.#shared === entry) this.#shared = undefined
      })
    }
    return abortable(this.#shared.groups, signal)
  }

  /** Before and after a change: what was read meanwhile may be either. */
  forget(): void {
    this.#shared = undefined
  }
}

/** Nova pages these by offset, as nothing else. */
export async function readServerGroups(cloud: OpenstackCloud, signal: AbortSignal): Promise<readonly JsonRecord[]> {
  const found: JsonRecord[] = []
  for (;;) {
    const page = recordsAt(
      await cloud.service('compute').get('/os-server-groups', {
        signal,
        microversion: SERVER_GROUP_MICROVERSION,
        query: { limit: PAGE, offset: found.length },
      }),
      'server_groups',
    )
    if (page.length === 0) return found
    found.push(...page)
  }
}
