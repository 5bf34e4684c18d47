import type { Clock } from '../../runtime/clock.ts'
import type { DesiredState } from '../desired-state.ts'
import type { Enrolment } from '../enrolment.ts'
import type { GatewayQuestions } from '../gateway-questions.ts'
import type { Items } from '../items.ts'
import type { BrokerStore } from '../store/broker-store.ts'

/** What the routes work with. */
export interface ApiServices {
  readonly store: BrokerStore
  readonly desired: DesiredState
  readonly items: Items
  readonly enrolment: Enrolment
  readonly questions: GatewayQuestions
  readonly clock: Clock
  /** Ends all watches. */
  readonly closing: AbortSignal
  /** Milliseconds of silence before a watch says that it still stands. */
  readonly pingMs: number
}
