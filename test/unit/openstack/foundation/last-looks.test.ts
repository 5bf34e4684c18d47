import { expect, it } from 'vitest'
import type { Outcome } from '../../../../adapters/adapter.ts'
import { LastLooks } from '../../../../adapters/openstack/foundation/last-looks.ts'
import { complete, ENDPOINTS, foundation } from './fixtures.ts'

const SPEC = foundation()
const SEEN = complete(SPEC)

class Looks extends LastLooks {
  readonly time: { ms: number }

  constructor() {
    const time = { ms: 1_000_000 }
    super({ now: () => time.ms, sleep: () => Promise.reject(new Error('nothing sleeps here')) })
    this.time = time
  }
}

/** After a step that went well. */
function calm(): Looks {
  const looks = new Looks()
  looks.begun(SPEC, { kind: 'done' })
  return looks
}

it('a step is begun on what was seen just before, be it nothing, and the next one looks itself', () => {
  const looks = calm()
  looks.note(SPEC, SEEN)
  expect(looks.take(SPEC)?.observed).toBe(SEEN)
  looks.begun(SPEC, { kind: 'running', token: 'load-balancer:1:active' })
  expect(looks.take(SPEC)).toBeUndefined()
  looks.begun(SPEC, { kind: 'done' })
  looks.note(SPEC, null)
  expect(looks.take(SPEC)).toMatchObject({ observed: null })
})

it('a step looks itself where that was a while ago, or for another spec, or of another foundation', () => {
  const looks = calm()
  looks.note(SPEC, SEEN)
  looks.time.ms += 2_000
  expect(looks.take(SPEC)).toBeUndefined()
  looks.begun(SPEC, { kind: 'done' })
  looks.note(SPEC, SEEN)
  expect(looks.take({ ...SPEC, owner: { ...SPEC.owner, machine: crypto.randomUUID() } })).toBeUndefined()
  expect(looks.take({ ...SPEC, endpoint: ENDPOINTS.balancer })).toBeUndefined()
})

it.each<Outcome>([
  { kind: 'unknown', message: 'the reply was lost' },
  { kind: 'retryable', fault: 'busy', message: 'somebody else is at it' },
  { kind: 'fatal', reason: 'Refused', message: 'no', remedy: '' },
])('a step looks itself after one that ended $kind: that may be under way still', (outcome) => {
  const looks = calm()
  looks.begun(SPEC, outcome)
  looks.note(SPEC, SEEN)
  expect(looks.take(SPEC)).toBeUndefined()
})

it('a step looks itself before any went well, and after one that did not end', () => {
  const looks = new Looks()
  looks.note(SPEC, SEEN)
  expect(looks.take(SPEC)).toBeUndefined()
  looks.note(SPEC, SEEN)
  expect(looks.take(SPEC)).toBeUndefined()
})
