import { describe, expect, it } from 'vitest'
import { ask } from '../../../cli/prompt.ts'
import { testHost } from './test-host.ts'

describe('a question on the terminal', () => {
  it('shows what is typed, or nothing of it where it is secret', async () => {
    const host = testHost({ terminal: 80 })
    const user = ask(host, 'User: ', { echo: true })
    host.type('adn\x7fmin\r')
    expect(await user).toBe('admin')
    const password = ask(host, 'Password: ', { echo: false })
    expect(host.raw()).toBe(true)
    host.type('hunter2\r')
    expect(await password).toBe('hunter2')
    expect(host.raw()).toBe(false)
    expect(host.stderr()).toBe('User: adn\b \bmin\nPassword: \n')
    expect(host.stdout()).toBe('')
  })

  it('has ended the echo when it asks, so that what is typed at once is not shown either', async () => {
    const host = testHost({ terminal: 80 })
    const rawAt: boolean[] = []
    const answer = ask({ ...host, err: { ...host.err, write: () => rawAt.push(host.raw()) } }, 'Token: ', {
      echo: false,
    })
    host.type('pcg1.x\r')
    await answer
    expect(rawAt[0]).toBe(true)
  })

  it.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('%s gives up, and leaves the terminal as it was', async (_, key) => {
    const host = testHost({ terminal: 80 })
    const answer = ask(host, 'Password: ', { echo: false })
    host.type(key)
    await expect(answer).rejects.toMatchObject({ code: 'cancelled' })
    expect(host.raw()).toBe(false)
  })

  it('starts over with Ctrl-U', async () => {
    const host = testHost({ terminal: 80 })
    const answer = ask(host, 'Password: ', { echo: false })
    host.type('wrong\x15right\r')
    expect(await answer).toBe('right')
  })
})
