import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { metadataConfig, userDataConfig } from '../../../adapters/vsphere/guestinfo.ts'
import { machine, UID } from './fixtures.ts'

const MAC = '00:50:56:AB:CD:EF'

function metadataOf(spec: ReturnType<typeof machine>) {
  const config = metadataConfig(spec, MAC)
  expect(config['guestinfo.metadata.encoding']).toBe('base64')
  return JSON.parse(Buffer.from(config['guestinfo.metadata'] ?? '', 'base64').toString())
}

describe('metadata for cloud-init', () => {
  it('names the instance and host, and asks for DHCP on the card with the MAC address', () => {
    expect(metadataOf(machine())).toEqual({
      'instance-id': UID,
      'local-hostname': 'prod-workers-1',
      redact: ['userdata'],
      network: {
        version: 2,
        ethernets: { eth0: { match: { macaddress: MAC.toLowerCase() }, 'set-name': 'eth0', dhcp4: true } },
      },
    })
  })

  it('gives a static address with its route and name servers', () => {
    const address = {
      type: 'static',
      address: '10.0.0.7',
      prefix: 24,
      gateway: '10.0.0.1',
      nameservers: ['10.0.0.53'],
      searchDomains: ['a.test'],
    } as const
    expect(metadataOf(machine({ address })).network.ethernets.eth0).toMatchObject({
      dhcp4: false,
      addresses: ['10.0.0.7/24'],
      routes: [{ to: '0.0.0.0/0', via: '10.0.0.1' }],
      nameservers: { addresses: ['10.0.0.53'], search: ['a.test'] },
    })
  })
})

describe('user-data', () => {
  it('stays plain base64 while it is short', () => {
    expect(userDataConfig('#cloud-config\n')).toEqual({
      'guestinfo.userdata': Buffer.from('#cloud-config\n').toString('base64'),
      'guestinfo.userdata.encoding': 'base64',
    })
  })

  it('is compressed when it is long', () => {
    const long = `#cloud-config\n# ${'ü'.repeat(9_000)}`
    const config = userDataConfig(long)
    expect(config['guestinfo.userdata.encoding']).toBe('gzip+base64')
    expect(gunzipSync(Buffer.from(config['guestinfo.userdata'] ?? '', 'base64')).toString()).toBe(long)
  })
})
