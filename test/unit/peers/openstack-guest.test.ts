import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readUserData } from '../../peers/openstack/guests.ts'

const PHONE_HOME = { url: 'https://10.0.0.1:8443/v1/machines/a', token: 't0ken', authority: 'PEM' }
const USER_DATA = `#cloud-config
write_files:
  - path: /etc/pcg/phone-home.json
    content: '${JSON.stringify(PHONE_HOME)}'
`

describe("what a server's guest reads", () => {
  it('has no guest without user-data', () => {
    expect(readUserData(null)).toBeNull()
  })

  it.each([
    ['as nova keeps it', Buffer.from(USER_DATA)],
    ['gzip inside', gzipSync(USER_DATA)],
  ])('finds the phone-home file in user-data that is %s', (_, bytes) => {
    expect(readUserData(bytes.toString('base64'))?.phoneHome).toEqual(PHONE_HOME)
  })

  it("phones nobody if the user-data doesn't say so", () => {
    expect(readUserData(Buffer.from('#cloud-config\nhostname: a\n').toString('base64'))?.phoneHome).toBeNull()
  })

  it('refuses what cloud-init would not take for its configuration', () => {
    expect(() => readUserData(Buffer.from('hostname: a').toString('base64'))).toThrow('#cloud-config')
  })
})
