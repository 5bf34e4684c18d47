import { afterEach, describe, expect, it } from 'vitest'
import { WorkQueue } from '../../../gateway/work-queue.ts'
import { silentLog } from '../../../runtime/log.ts'

let stop = new AbortController()
afterEach(() => {
  stop.abort()
  stop = new AbortController()
})

/** Work that goes on until it is told to end, and a record of it. */
function manualWork() {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const work = (key: string): Promise<number | null> => {
    begun.push(key)
    return new Promise((resolve) => ends.push(() => resolve(null)))
  }
  return { begun, ends, work }
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5))

describe('the work queue', () => {
  it('runs one worker for a key, and again when the key was added meanwhile', async () => {
    const { begun, ends, work } = manualWork()
    const queue = new WorkQueue({ concurrency: 5, work, log: silentLog, signal: stop.signal })
    queue.add('a')
    await settled()
    queue.add('a')
    queue.add('a')
    await settled()
    expect(begun).toEqual(['a'])
    ends[0]?.()
    await settled()
    expect(begun).toEqual(['a', 'a'])
  })

  it('runs no more workers than it may', async () => {
    const { begun, ends, work } = manualWork()
    const queue = new WorkQueue({ concurrency: 2, work, log: silentLog, signal: stop.signal })
    for (const key of ['a', 'b', 'c']) queue.add(key)
    await settled()
    expect(begun).toEqual(['a', 'b'])
    ends[1]?.()
    await settled()
    expect(begun).toEqual(['a', 'b', 'c'])
  })

  it('looks again after the time that the worker asked for', async () => {
    let times = 0
    const done = Promise.withResolvers<void>()
    const work = async (): Promise<number | null> => {
      times++
      if (times === 3) done.resolve()
      return times < 3 ? 1 : null
    }
    new WorkQueue({ concurrency: 1, work, log: silentLog, signal: stop.signal }).add('a')
    await done.promise
    expect(times).toBe(3)
  })

  it('finishes what was begun first: urgent keys before those that wait, and a worker that goes on before both', async () => {
    const begun: string[] = []
    const done = Promise.withResolvers<void>()
    const work = async (key: string): Promise<number | null> => {
      begun.push(key)
      if (begun.length === 5) done.resolve()
      return key === 'first' && begun.length < 3 ? 0 : null
    }
    const queue = new WorkQueue({ concurrency: 1, work, log: silentLog, signal: stop.signal })
    for (const key of ['first', 'second', 'third']) queue.add(key)
    queue.addUrgent('urgent')
    await done.promise
    expect(begun).toEqual(['first', 'first', 'first', 'urgent', 'second'])
  })

  it('takes nothing more after it was stopped', async () => {
    const { begun, work } = manualWork()
    const queue = new WorkQueue({ concurrency: 1, work, log: silentLog, signal: stop.signal })
    stop.abort()
    queue.add('a')
    await settled()
    expect(begun).toEqual([])
  })
})
