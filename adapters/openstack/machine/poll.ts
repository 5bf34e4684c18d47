/** Following what goes on in the cloud. */
import { PcgError } from '../../../runtime/pcg-error.ts'
import type { Outcome } from '../../adapter.ts'
import type { OpenstackCloud } from '../client/cloud.ts'
import { outcomeOf } from '../outcomes.ts'
import { failureOfVolume } from './failure.ts'
import { findMember, findServer, findVolume } from './finding.ts'
import { outcomeOfServer } from './outcome-of-server.ts'
import { outcomeOfMember, outcomeOfVolume } from './outcome-of-volume.ts'
import type { ServerFeed } from './server-feed.ts'
import { formatToken, type MachineToken } from './token.ts'
import type { Turns } from './turns.ts'

/** How long a poll waits for news. */
const POLL_MS = 25_000
/** Nothing came of the feed for so long: it may have told before anybody listened. */
const FIRST_SILENCE_MS = 5_000
/** And so long later on: it may fail. Where nova is slow with the common question, more of them don't make it faster. */
const SILENCE_MS = 20_000
/** How often one that isn't in the feed is asked for, at most. */
const ASK_MS = 700
/** How often one that failed is read again for nova's words. */
const WORDLESS = 4

export interface PollTools {
  readonly cloud: OpenstackCloud
  readonly feed: ServerFeed
  readonly turns: Turns
  now(): number
}

/** Ends when the outcome is known, or got on, or after 25 s. */
export async function pollMachine(tools: PollTools, token: MachineToken, signal: AbortSignal): Promise<Outcome> {
  try {
    switch (token.kind) {
      case 'server':
        return await followServer(tools, token, signal)
      case 'volume':
        return await ask(tools, signal, async () => {
          const volume = await findVolume(tools.cloud, token.id, signal)
          const words = volume?.status === 'error' ? await failureOfVolume(tools.cloud, token.id, signal) : ''
          return outcomeOfVolume(token.id, volume, token.until, words)
        })
      case 'member':
        return await ask(tools, signal, async () =>
          outcomeOfMember(
            token.id,
            token.poolId,
            await findMember(tools.cloud, token.poolId, token.id, signal),
            token.until,
          ),
        )
      default:
        return token satisfies never
    }
  } catch (error) {
    const { code } = PcgError.from(error)
    // It goes on whatever becomes of a question about it.
    if (code === 'interrupted' || code === 'timeout') return { kind: 'running', token: formatToken(token) }
    return outcomeOf(error, { step: 'poll', words: `follow ${token.kind} ${token.id}` })
  }
}

async function followServer(
  { cloud, feed, now }: PollTools,
  { id, until }: Extract<MachineToken, { kind: 'server' }>,
  signal: AbortSignal,
): Promise<Outcome> {
  const end = now() + POLL_MS
  const following = feed.follow(id)
  try {
    let outcome: Outcome
    // A feed that hasn't begun is begun by what is read here.
    let patience = feed.begun ? FIRST_SILENCE_MS : 0
    let wordless = 0
    do {
      const news = await following.next(Math.min(patience, end - now()), signal)
      patience = SILENCE_MS
      // A full listing doesn't show who is deleted, and the feed not what changed before it began.
      const server = news === undefined || news.status === 'DELETED' ? await findServer(cloud, id, signal) : news
      if (server !== undefined) feed.notice(server)
      outcome = outcomeOfServer(id, server, until)
      // Nova writes down that it failed, and after that why.
      const withoutWords = server?.status === 'ERROR' && server.fault === undefined && wordless < WORDLESS
      if (withoutWords) {
        wordless += 1
        patience = ASK_MS
        outcome = { kind: 'running', token: formatToken({ kind: 'server', id, until }) }
      }
    } while (outcome.kind === 'running' && now() < end)
    return outcome
  } finally {
    following.release()
  }
}

async function ask({ turns, now }: PollTools, signal: AbortSignal, question: () => Promise<Outcome>): Promise<Outcome> {
  const end = now() + POLL_MS
  for (;;) {
    await turns.wait(ASK_MS, signal)
    const outcome = await question()
    if (outcome.kind !== 'running' || now() >= end) return outcome
  }
}
