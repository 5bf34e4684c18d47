/**
 * What each status of a server asks for (https://docs.openstack.org/api-guide/compute/server_concepts.html). Pure.
 * A status that nova may get one day is waited out: nothing is ever deleted because of it.
 */
import type { Observed } from '../../adapter.ts'
import type { SeenServer } from './seen.ts'

/** Nova's action that brings a server back to ACTIVE. */
export type StartAction = 'os-start' | 'resume' | 'unpause' | 'unshelve' | 'unrescue' | 'restore'

export type ServerNeed =
  /** It runs. */
  | { readonly need: 'nothing' }
  /** It stands still, and the action makes it run again. */
  | { readonly need: 'start'; readonly action: StartAction }
  /** Nova is about something; or the status is none that we know. */
  | { readonly need: 'wait' }
  /** It goes away. */
  | { readonly need: 'wait-gone' }
  /** Resized by somebody, or by us before a crash: it is to be confirmed or taken back. */
  | { readonly need: 'verify-resize' }
  /** It never ran, and won't. */
  | { readonly need: 'discard' }
  /** It ran once, and nova failed to do something with it. */
  | { readonly need: 'recover' }

/** Tasks during which a server is used as ever. */
const HARMLESS = /^image_/
const DELETING = new Set(['deleting', 'soft-deleting'])

export function needOf({ status, task, launched }: Pick<SeenServer, 'status' | 'task' | 'launched'>): ServerNeed {
  if (task !== undefined && DELETING.has(task)) return { need: 'wait-gone' }
  if (task !== undefined && !HARMLESS.test(task)) return { need: 'wait' }
  switch (status) {
    case 'ACTIVE':
      return { need: 'nothing' }
    case 'SHUTOFF':
      return { need: 'start', action: 'os-start' }
    case 'SUSPENDED':
      return { need: 'start', action: 'resume' }
    case 'PAUSED':
      return { need: 'start', action: 'unpause' }
    case 'SHELVED':
    case 'SHELVED_OFFLOADED':
      return { need: 'start', action: 'unshelve' }
    case 'RESCUE':
      return { need: 'start', action: 'unrescue' }
    case 'SOFT_DELETED':
      return { need: 'start', action: 'restore' }
    case 'VERIFY_RESIZE':
      return { need: 'verify-resize' }
    case 'ERROR':
      return { need: launched ? 'recover' : 'discard' }
    case 'DELETED':
      return { need: 'wait-gone' }
    default:
      // BUILD, REBUILD, REBOOT, HARD_REBOOT, PASSWORD, MIGRATING, RESIZE, REVERT_RESIZE, UNKNOWN, and what is to come.
      return { need: 'wait' }
  }
}

export function powerOf(status: string): Observed['power'] {
  switch (status) {
    case 'ACTIVE':
    case 'REBOOT':
    case 'HARD_REBOOT':
    case 'PASSWORD':
    case 'MIGRATING':
    case 'RESIZE':
    case 'VERIFY_RESIZE':
    case 'REVERT_RESIZE':
      return 'on'
    case 'PAUSED':
    case 'SUSPENDED':
      return 'suspended'
    default:
      return 'off'
  }
}
