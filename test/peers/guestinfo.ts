import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { z } from 'zod'

/** What a machine learns about itself as it boots, read as cloud-init's VMware data source does. */
export interface GuestInfo {
  readonly instanceId: string | null
  readonly hostName: string | null
  /** The static addresses of its network configuration, without their prefix; none: it asks DHCP. */
  readonly addresses: readonly string[]
  readonly userData: string
  /** The keys that the guest is to clear once it has read them: `userdata`. */
  readonly redact: readonly string[]
  /** From the file `/etc/pcg/phone-home.json` that the user-data writes; null if it writes none. */
  readonly phoneHome: PhoneHomeFile | null
}

export type PhoneHomeFile = z.infer<typeof phoneHomeSchema>

const CLEARED = '---'
const PHONE_HOME_PATH = '/etc/pcg/phone-home.json'

const phoneHomeSchema = z.object({ url: z.url(), token: z.string().min(1), authority: z.string().min(1) })

const metadataSchema = z.looseObject({
  'instance-id': z.string().optional(),
  'local-hostname': z.string().optional(),
  redact: z.array(z.string()).default([]),
  network: z.unknown().optional(),
  'network.encoding': z.string().optional(),
})

const networkSchema = z.looseObject({
  ethernets: z.record(z.string(), z.looseObject({ addresses: z.array(z.string()).optional() })).optional(),
})

const cloudConfigSchema = z.looseObject({
  write_files: z
    .array(z.looseObject({ path: z.string(), content: z.string().default(''), encoding: z.string().optional() }))
    .default([]),
})

/**
 * Reads `guestinfo.metadata` and `guestinfo.userdata` of a VM's extraConfig.
 * @returns null if there is no user-data; throws if what is there could not be read by cloud-init either.
 */
export function readGuestInfo(extraConfig: Readonly<Record<string, string>>): GuestInfo | null {
  const userData = guestValue(extraConfig, 'userdata')
  if (userData === null) return null
  if (!userData.startsWith('#cloud-config')) throw new Error('guestinfo.userdata is no #cloud-config')
  const metadata = metadataSchema.parse(parse(guestValue(extraConfig, 'metadata') ?? '{}'))
  return {
    instanceId: metadata['instance-id'] ?? null,
    hostName: metadata['local-hostname'] ?? null,
    addresses: addressesOf(metadata),
    userData,
    redact: metadata.redact,
    phoneHome: phoneHomeOf(userData),
  }
}

/** What cloud-init sets in place of keys that it clears: empty YAML, and as empty a text as guestinfo takes. */
export function redacted(keys: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    keys.flatMap((key) => [
      [`guestinfo.${key}`, CLEARED],
      [`guestinfo.${key}.encoding`, ' '],
    ]),
  )
}

function guestValue(extraConfig: Readonly<Record<string, string>>, name: string): string | null {
  const value = extraConfig[`guestinfo.${name}`]?.trimEnd() ?? ''
  if (value === '' || value === CLEARED) return null
  return decode(value, extraConfig[`guestinfo.${name}.encoding`]?.trimEnd())
}

/** The encodings of cloud-init: `base64`, `b64`, `gzip+base64`, `gz+b64`; without one, the text as it is. */
function decode(value: string, encoding: string | undefined): string {
  switch (encoding) {
    case undefined:
    case '':
      return value
    case 'base64':
    case 'b64':
      return Buffer.from(value, 'base64').toString('utf8')
    case 'gzip+base64':
    case 'gz+base64':
    case 'gz+b64':
      return gunzipSync(Buffer.from(value, 'base64')).toString('utf8')
    default:
      throw new Error(`cloud-init knows no encoding ${encoding}`)
  }
}

function addressesOf(metadata: z.infer<typeof metadataSchema>): string[] {
  const network =
    typeof metadata.network === 'string'
      ? parse(decode(metadata.network, metadata['network.encoding']))
      : metadata.network
  if (network === undefined || network === null) return []
  const nested = z.looseObject({ config: z.unknown() }).safeParse(network)
  const config = networkSchema.parse(nested.success ? (nested.data.config ?? network) : network)
  return Object.values(config.ethernets ?? {}).flatMap((card) =>
    (card.addresses ?? []).map((address) => address.split('/')[0] ?? address),
  )
}

/** What the user-data's file says about phoning home; null if it writes none. */
export function phoneHomeOf(userData: string): PhoneHomeFile | null {
  const { write_files } = cloudConfigSchema.parse(parse(userData))
  const file = write_files.find((candidate) => candidate.path === PHONE_HOME_PATH)
  return file === undefined ? null : phoneHomeSchema.parse(JSON.parse(decode(file.content, file.encoding)))
}
