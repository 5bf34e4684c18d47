/** What tenants ask of their gateways and wait for. */
import type { z } from 'zod'
import type { Query } from '../resources/query.ts'
import type { Kind, Resource, ResourceOf } from '../resources/resource.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { GatewayQueries } from '../tunnel/endpoint-ports.ts'
import type { GatewayIdentity } from '../tunnel/identity.ts'
import { MAX_MESSAGE_BYTES } from '../tunnel/protocol.ts'
import { inventoryAnswerSchema, ledgerAnswerSchema, planAnswerSchema, verifyAnswerSchema } from './answer-schemas.ts'
import { type DesiredState, notFound } from './desired-state.ts'
import type { BrokerStore } from './store/broker-store.ts'

export interface Asking {
  readonly traceId: string
  /** Aborts when the one who asks has gone. */
  readonly signal: AbortSignal
}

/** For what a gateway knows by itself. */
const SHORT_MS = 20_000
/** For what it asks its cloud. */
const LONG_MS = 120_000

/** Half of what the tunnel takes, which also carries the question's frame. */
const QUESTION_MAX_BYTES = MAX_MESSAGE_BYTES / 2

export interface GatewayQuestionsOptions {
  readonly store: BrokerStore
  readonly desired: DesiredState
  readonly queries: GatewayQueries
}

export class GatewayQuestions {
  readonly #options: GatewayQuestionsOptions

  constructor(options: GatewayQuestionsOptions) {
    this.#options = options
  }

  /** What applying the resources would do, asked of every gateway concerned. Throws as `DesiredState.apply` does. */
  async plan(
    tenant: string,
    resources: readonly Resource[],
    asking: Asking,
  ): Promise<z.infer<typeof planAnswerSchema>> {
    const { commands } = await this.#options.desired.tryOut(tenant, resources)
    const plans = [...Map.groupBy(commands, (routed) => routed.gateway)].map(([gateway, routed]) => {
      const concerned = routed.flatMap(({ command }) => (command.type === 'put' ? [command.resource] : []))
      return this.#ask({ tenant, gateway }, { type: 'plan', resources: concerned }, planAnswerSchema, LONG_MS, asking)
    })
    const answered = await Promise.all(plans)
    return {
      entries: answered.flatMap(({ entries }) => entries),
      findings: answered.flatMap(({ findings }) => findings),
    }
  }

  /** What a placement in this account may choose from. Throws `not-found`. */
  inventory(tenant: string, account: string, asking: Asking): Promise<z.infer<typeof inventoryAnswerSchema>> {
    const query: Query = { type: 'inventory', account }
    return this.#ask(this.#gatewayOf(tenant, account), query, inventoryAnswerSchema, LONG_MS, asking)
  }

  /** Whether the account's cloud can be reached and used. Throws `not-found`. */
  verify(tenant: string, account: string, asking: Asking): Promise<z.infer<typeof verifyAnswerSchema>> {
    const query: Query = { type: 'verify', account }
    return this.#ask(this.#gatewayOf(tenant, account), query, verifyAnswerSchema, LONG_MS, asking)
  }

  /** What stands outside, as the gateway's ledger has it. Throws `not-found`. */
  ledger(
    tenant: string,
    gateway: string,
    cluster: string | undefined,
    asking: Asking,
  ): Promise<z.infer<typeof ledgerAnswerSchema>> {
    this.#find(tenant, 'Gateway', gateway)
    const query: Query = { type: 'ledger', ...(cluster !== undefined && { cluster }) }
    return this.#ask({ tenant, gateway }, query, ledgerAnswerSchema, SHORT_MS, asking)
  }

  #gatewayOf(tenant: string, account: string): GatewayIdentity {
    return { tenant, gateway: this.#find(tenant, 'CloudAccount', account).spec.gateway }
  }

  #find<K extends Kind>(tenant: string, kind: K, name: string): ResourceOf<K> {
    const found = this.#options.store.resources.get(tenant, kind, name)?.resource
    if (found === undefined) throw notFound({ kind, name })
    return found as ResourceOf<K>
  }

  async #ask<Answer extends z.ZodType>(
    identity: GatewayIdentity,
    query: Query,
    answer: Answer,
    timeoutMs: number,
    { traceId, signal }: Asking,
  ): Promise<z.infer<Answer>> {
    const payload = Buffer.from(JSON.stringify(query))
    if (payload.length > QUESTION_MAX_BYTES)
      throw new PcgError('invalid', `the question for gateway ${identity.gateway} has ${payload.length} bytes`, {
        subject: 'resources',
        remedy: `Plan fewer resources at a time: at most ${QUESTION_MAX_BYTES} bytes go to a gateway at once.`,
      })
    const bytes = await this.#options.queries.ask(identity, payload, { timeoutMs, traceId, signal })
    const parsed = answer.safeParse(jsonOf(bytes))
    if (parsed.success) return parsed.data
    throw new PcgError('unavailable', `gateway ${identity.gateway} answered in a form that this broker does not know`, {
      subject: identity.gateway,
      remedy: 'Update the gateway or the broker, so that their versions match.',
      cause: parsed.error,
    })
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}
