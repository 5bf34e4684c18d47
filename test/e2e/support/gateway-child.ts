/** A gateway as a process of its own, which a test can have killed at any of its step boundaries. Driven over IPC. */
import { appendFileSync } from 'node:fs'
import { startGateway } from '../../../gateway/compose.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createLog } from '../../../runtime/log.ts'
import type { ChildMessage, ParentMessage } from './gateway-process.ts'

let crashAt: readonly string[] = []
const tell = (message: ChildMessage): void => void process.send?.(message)

process.on('message', (message: ParentMessage) => {
  switch (message.type) {
    case 'start':
      crashAt = message.crashAt
      start(message).then(
        ({ phoneHomeUrl }) => tell({ type: 'started', phoneHomeUrl }),
        (cause: Error) => tell({ type: 'failed', message: cause.message }),
      )
      break
    case 'crash-at':
      crashAt = message.points
      tell({ type: 'armed' })
      break
    case 'usage': {
      const { user, system } = process.cpuUsage()
      tell({ type: 'usage', cpuMs: (user + system) / 1_000, residentMB: process.memoryUsage.rss() / 1e6 })
      break
    }
    default:
      message satisfies never
  }
})
process.on('disconnect', () => process.exit())

function start({ stateDir, token, logPath, logLevel, boundaryPath }: Extract<ParentMessage, { type: 'start' }>) {
  return startGateway({
    stateDir,
    ...(token === undefined ? {} : { token }),
    phoneHome: { host: '127.0.0.1', port: 0 },
    log: createLog({ level: logLevel, pretty: false, process: 'gateway', destination: logPath }),
    clock: systemClock,
    signal: new AbortController().signal,
    boundary: (point) => {
      if (boundaryPath !== undefined) appendFileSync(boundaryPath, `${point}\n`)
      if (crashAt.includes(point)) process.kill(process.pid, 'SIGKILL')
    },
  })
}
