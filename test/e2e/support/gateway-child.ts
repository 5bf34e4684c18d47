/** A gateway as a process of its own, which a test can have killed at any of its step boundaries. Driven over IPC. */
import { appendFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { startGateway } from '../../../gateway/compose.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { createLog } from '../../../runtime/log.ts'
import type { ChildMessage, CrashPoint, ParentMessage } from './gateway-process.ts'

let crashAt: readonly CrashPoint[] = []
/** How often each boundary was passed. */
const passed = new Map<string, number>()
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
      passed.clear()
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
// One that is killed writes nothing, and its next life would compile all over again.
flushCompileCache()

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
      const times = (passed.get(point) ?? 0) + 1
      passed.set(point, times)
      if (crashAt.some((at) => at.point === point && at.time <= times)) process.kill(process.pid, 'SIGKILL')
    },
  })
}
