import { homedir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../runtime/clock.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import { EXIT } from './exit-code.ts'
import type { Host, Output } from './host.ts'
import { run } from './program.ts'
import { VERSION } from './version.ts'

const stop = new AbortController()

let stoppedAt = 0

/**
 * The first Ctrl-C asks everything to end; another doesn't wait for it. One that comes at once is the same one: npm passes it on,
 * and the terminal sends it to us as well.
 */
function onSignal(): void {
  if (!stop.signal.aborted) {
    stoppedAt = performance.now()
    stop.abort(new PcgError('cancelled', 'interrupted'))
  } else if (performance.now() - stoppedAt > 500) process.exit(EXIT.interrupted)
}
process.on('SIGINT', onSignal)
process.on('SIGTERM', onSignal)

// A reader that has seen enough, like `head`, closes the pipe: that is no failure.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    throw error
  })

const host: Host = {
  env: process.env,
  cwd: process.cwd(),
  home: homedir(),
  in: {
    stream: process.stdin,
    isTerminal: process.stdin.isTTY === true,
    setRaw: (raw) => {
      if (process.stdin.isTTY) process.stdin.setRawMode(raw)
    },
  },
  out: outputOf(process.stdout),
  err: outputOf(process.stderr),
  signal: stop.signal,
  clock: systemClock,
  self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
  version: VERSION,
}

process.exitCode = await run(host, process.argv.slice(2))

function outputOf(stream: NodeJS.WriteStream): Output {
  const isTerminal = stream.isTTY === true
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  const wanted = isTerminal ? TERM !== 'dumb' : FORCE_COLOR !== undefined && FORCE_COLOR !== '0'
  return {
    isTerminal,
    write: (text) => {
      stream.write(text)
    },
    columns: () => (isTerminal ? stream.columns || 80 : Number.POSITIVE_INFINITY),
    rows: () => (isTerminal ? stream.rows || 24 : Number.POSITIVE_INFINITY),
    // https://no-color.org: any value but the empty one.
    colour: wanted && !NO_COLOR,
  }
}
