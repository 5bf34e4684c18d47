/**
 * Measures ours beside a peer: both are warmed up, then take rounds in turn, so that whatever else the machine does hits
 * both alike; the median of the rounds counts. README.md shows how to write a bench.
 */
import type { PeerName } from '../peers/peer.ts'

/** What to reach: of ours as it is, or of ours divided by the peer's. */
export type Goal =
  | { readonly of: 'ratio'; readonly atMost: number }
  | { readonly of: 'ratio'; readonly atLeast: number }
  | { readonly of: 'ours'; readonly atMost: number }
  | { readonly of: 'ours'; readonly atLeast: number }

export interface Metric {
  readonly name: string
  readonly unit: string
  readonly goal?: Goal
}

/** One round's figures, by the metric's name. */
export type Figures = Readonly<Record<string, number>>

export interface Bench {
  /** What ours is compared with: `govmomi's client (Go)`. */
  readonly peer: string
  /** The one that counts most comes last. */
  readonly metrics: readonly Metric[]
  /** Rounds that count; 5 if not given. */
  readonly rounds?: number
  /** Rounds before that; 1 if not given. */
  readonly warmUps?: number
  /** Real peers that it can't do without. */
  readonly needs?: readonly PeerName[]
  /** Starts what both sides need. */
  start(context: BenchContext): Promise<RunningBench>
}

export interface BenchContext {
  readonly signal: AbortSignal
  /** Tells whoever waits what goes on. */
  say(text: string): void
}

export interface RunningBench {
  /** One round of ours. It gives each metric, or leaves those out that it measures in other rounds. */
  ours(): Promise<Figures>
  /** One round of the peer's; absent where there is nothing to compare with. */
  theirs?(): Promise<Figures>
  /** Ends whatever was started, whatever happened. */
  close(): Promise<void>
}

/** A metric's outcome; the line of JSON that `--json` prints. */
export interface Result {
  readonly bench: string
  readonly metric: string
  readonly unit: string
  readonly ours: number
  readonly peer: number | null
  readonly ratio: number | null
  readonly goal: string | null
  /** Null without a goal. */
  readonly met: boolean | null
}

export async function measure(name: string, bench: Bench, context: BenchContext): Promise<Result[]> {
  const running = await bench.start(context)
  try {
    const { warmUps = 1, rounds = 5 } = bench
    const ours: Figures[] = []
    const theirs: Figures[] = []
    for (let round = -warmUps; round < rounds; round += 1) {
      context.signal.throwIfAborted()
      const own = await running.ours()
      const other = await running.theirs?.()
      context.say(
        `${round < 0 ? 'warm-up' : `round ${round + 1}`}: ours ${shown(own)}${other ? `, peer ${shown(other)}` : ''}`,
      )
      if (round < 0) continue
      ours.push(own)
      if (other !== undefined) theirs.push(other)
    }
    return bench.metrics.map((metric) => judge(name, metric, medianOf(metric, ours), medianOf(metric, theirs)))
  } finally {
    await running.close()
  }
}

/** What became of a metric. Throws if ours wasn't measured, or a ratio is asked for without a peer's figure. */
export function judge(bench: string, { name, unit, goal }: Metric, ours: number | null, peer: number | null): Result {
  if (ours === null) throw new Error(`bench ${bench}: no round gave the metric ${name}`)
  const ratio = peer === null ? null : ours / peer
  const outcome = {
    bench,
    metric: name,
    unit,
    ours: rounded(ours),
    peer: peer && rounded(peer),
    ratio: ratio && rounded(ratio),
  }
  if (goal === undefined) return { ...outcome, goal: null, met: null }
  const figure = goal.of === 'ratio' ? ratio : ours
  if (figure === null) throw new Error(`bench ${bench}: ${name} has a ratio for its goal, and no figure of the peer's`)
  const [words, met] =
    'atMost' in goal
      ? [`at most ${goal.atMost}`, figure <= goal.atMost]
      : [`at least ${goal.atLeast}`, figure >= goal.atLeast]
  return { ...outcome, goal: goal.of === 'ratio' ? `ratio ${words}` : `${words} ${unit}`, met }
}

/** The middle one, or the mean of the two in the middle; null if there are none. */
export function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const low = sorted[Math.floor((sorted.length - 1) / 2)]
  const high = sorted[Math.floor(sorted.length / 2)]
  return low === undefined || high === undefined ? null : (low + high) / 2
}

/** A line for people. */
export function inWords({ metric, unit, ours, peer, ratio, goal, met }: Result, peerName: string): string {
  const compared = peer === null ? '' : `, ${peerName} ${peer} ${unit}, ratio ${ratio}`
  const judged = goal === null ? '' : ` (goal: ${goal}: ${met ? 'met' : 'MISSED'})`
  return `${metric}: ours ${ours} ${unit}${compared}${judged}`
}

function medianOf(metric: Metric, rounds: readonly Figures[]): number | null {
  return median(rounds.map((figures) => figures[metric.name]).filter((figure) => figure !== undefined))
}

function shown(figures: Figures): string {
  return Object.entries(figures)
    .map(([name, figure]) => `${name} ${rounded(figure)}`)
    .join(' ')
}

/** Three digits that count, and all before the point. */
function rounded(figure: number): number {
  return Math.abs(figure) >= 100 ? Math.round(figure) : Number(figure.toPrecision(3))
}
