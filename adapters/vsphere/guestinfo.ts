/** What cloud-init's VMware data source reads from a VM: `guestinfo.metadata` and `guestinfo.userdata` in extraConfig. */
import { gzipSync } from 'node:zlib'
import type { MachineAddress, MachineSpec } from '../adapter.ts'
import type { ExtraConfig } from './owner-mark.ts'

/** Above this many bytes a value is compressed; the smaller ones stay easy to read for who debugs a VM. */
const PLAIN_LIMIT = 8_192

/**
 * What cloud-init clears once it has read it (it sets the value to `---`): the user-data with its join secrets. The metadata
 * stays: without the instance-id in it the next boot would be taken for that of a new instance.
 */
const REDACTED = ['userdata']

type GuestInfoSpec = Pick<MachineSpec, 'name' | 'owner' | 'address'>

/** User-data as it is set when the VM is made, and never again: the guest clears it. */
export function userDataConfig(userData: string): ExtraConfig {
  return encoded('guestinfo.userdata', userData)
}

/**
 * Metadata for the NIC with this MAC address, which is only known once the VM is there. The interface is matched by it, because not
 * every network renderer of cloud-init can match by name.
 */
export function metadataConfig(spec: GuestInfoSpec, mac: string): ExtraConfig {
  return encoded('guestinfo.metadata', JSON.stringify(metadata(spec, mac)))
}

export function metadata(spec: GuestInfoSpec, mac: string): object {
  const nic = { match: { macaddress: mac.toLowerCase() }, 'set-name': 'eth0', ...addressing(spec.address) }
  return {
    'instance-id': spec.owner.machine,
    'local-hostname': spec.name,
    redact: REDACTED,
    network: { version: 2, ethernets: { eth0: nic } },
  }
}

/** Of netplan's version 2, which cloud-init takes on every distribution. */
function addressing(address: MachineAddress): object {
  if (address.type === 'dhcp') return { dhcp4: true }
  return {
    dhcp4: false,
    addresses: [`${address.address}/${address.prefix}`],
    routes: [{ to: '0.0.0.0/0', via: address.gateway }],
    nameservers: { addresses: [...address.nameservers], search: [...address.searchDomains] },
  }
}

function encoded(key: string, value: string): ExtraConfig {
  const bytes = Buffer.from(value, 'utf8')
  const packed = bytes.length > PLAIN_LIMIT
  return {
    [key]: (packed ? gzipSync(bytes) : bytes).toString('base64'),
    [`${key}.encoding`]: packed ? 'gzip+base64' : 'base64',
  }
}
