import type { LedgerEntry, Query } from '../../resources/query.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Answers } from '../../tunnel/link-ports.ts'
import type { Journal } from '../journal/journal.ts'
import type { Orchestrator } from '../orchestrator.ts'
import { answerPlan } from './answer-plan.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Answers what tenants ask and wait for. Reads only. */
export class QueryAnswers implements Answers {
  readonly #journal: Journal
  readonly #orchestrator: Orchestrator

  constructor(journal: Journal, orchestrator: Orchestrator) {
    this.#journal = journal
    this.#orchestrator = orchestrator
  }

  async answer(payload: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const query: Query = JSON.parse(decoder.decode(payload))
    return encoder.encode(JSON.stringify(await this.#answer(query, signal)))
  }

  async #answer(query: Query, signal: AbortSignal): Promise<unknown> {
    switch (query.type) {
      case 'plan':
        return answerPlan(query.resources, this.#journal, this.#orchestrator, signal)
      case 'inventory': {
        const session = this.#orchestrator.accounts.require(query.account)
        return { items: await session.adapter.inventory(session.context(signal)) }
      }
      case 'verify':
        return { findings: await this.#orchestrator.accounts.verifyNow(query.account, signal) }
      case 'ledger':
        return { entries: this.#ledger(query.cluster) }
      default:
        throw new PcgError(
          'invalid',
          `this gateway doesn't know the question ${JSON.stringify((query satisfies never as Query).type)}`,
          {
            remedy: 'update the gateway',
          },
        )
    }
  }

  #ledger(cluster: string | undefined): LedgerEntry[] {
    return this.#journal.ledger.all().flatMap((row): LedgerEntry[] => {
      const record = this.#journal.machines.get(row.machine) ?? this.#journal.foundations.get(row.machine)
      if (record === undefined || (cluster !== undefined && record.cluster !== cluster)) return []
      return [
        {
          cluster: record.cluster,
          machine: record.name,
          machineUid: record.uid,
          account: record.account,
          kind: row.kind,
          name: row.name,
          ...(row.externalId === null ? {} : { externalId: row.externalId }),
          state: row.state,
          since: row.since,
        },
      ]
    })
  }
}
