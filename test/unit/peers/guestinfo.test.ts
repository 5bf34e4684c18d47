import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readGuestInfo, redacted } from '../../peers/guestinfo.ts'

const PHONE_HOME = {
  url: 'https://10.0.0.1:8443/v1/machines/a',
  token: 't0ken',
  authority: '-----BEGIN CERTIFICATE-----\n',
}
const USER_DATA = `#cloud-config
write_files:
  - path: /etc/pcg/phone-home.json
    permissions: '0600'
    content: '${JSON.stringify(PHONE_HOME)}'
`
const METADATA = `
instance-id: 4b5fa1d2
local-hostname: prod-1
network:
  version: 2
  ethernets:
    id0:
      match: { name: 'e*' }
      addresses: [10.1.2.3/24]
`

const base64 = (text: string) => Buffer.from(text).toString('base64')
const gzip = (text: string) => gzipSync(text).toString('base64')

describe('what a guest reads', () => {
  it('has no guest without user-data', () => {
    expect(readGuestInfo({ 'guestinfo.metadata': METADATA })).toBeNull()
  })

  it.each([
    ['as it is', USER_DATA, {}],
    ['base64', base64(USER_DATA), { 'guestinfo.userdata.encoding': 'base64' }],
    ['gzip+base64', gzip(USER_DATA), { 'guestinfo.userdata.encoding': 'gzip+base64' }],
  ])('finds the phone-home file in user-data that is %s', (_, userdata, encoding) => {
    const info = readGuestInfo({ 'guestinfo.userdata': userdata, ...encoding })
    expect(info?.phoneHome).toEqual(PHONE_HOME)
    expect(info?.addresses).toEqual([])
  })

  it('takes its name and static address from the metadata', () => {
    const info = readGuestInfo({
      'guestinfo.userdata': USER_DATA,
      'guestinfo.metadata': gzip(METADATA),
      'guestinfo.metadata.encoding': 'gzip+base64',
    })
    expect(info).toMatchObject({ instanceId: '4b5fa1d2', hostName: 'prod-1', addresses: ['10.1.2.3'] })
  })

  it('reads a network that is encoded for itself', () => {
    const network = base64(
      JSON.stringify({ config: { version: 2, ethernets: { id0: { addresses: ['10.9.9.9/16'] } } } }),
    )
    const metadata = JSON.stringify({ 'instance-id': 'x', network, 'network.encoding': 'base64' })
    const info = readGuestInfo({ 'guestinfo.userdata': USER_DATA, 'guestinfo.metadata': metadata })
    expect(info?.addresses).toEqual(['10.9.9.9'])
  })

  it('knows what to clear, and then finds it gone and the rest still there', () => {
    const before = { 'guestinfo.userdata': USER_DATA, 'guestinfo.metadata': `${METADATA}redact: [userdata]\n` }
    const redact = readGuestInfo(before)?.redact ?? []
    expect(redact).toEqual(['userdata'])
    const after = { ...before, ...redacted(redact) }
    expect(readGuestInfo(after)).toBeNull()
    expect(after['guestinfo.metadata']).toBe(before['guestinfo.metadata'])
    expect(readGuestInfo({ 'guestinfo.userdata': USER_DATA })?.redact).toEqual([])
  })

  it('refuses what cloud-init would not read', () => {
    expect(() => readGuestInfo({ 'guestinfo.userdata': '#!/bin/sh' })).toThrow('#cloud-config')
    expect(() => readGuestInfo({ 'guestinfo.userdata': 'x', 'guestinfo.userdata.encoding': 'rot13' })).toThrow('rot13')
  })
})
