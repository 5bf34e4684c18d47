import { PcgError } from '../runtime/pcg-error.ts'

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string
  readonly port: number
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/

/** Reads `host:port` or `[v6]:port`; throws `invalid` for anything else. */
export function parseAddress(text: string): Address {
  const [, v6, name, digits] = ADDRESS.exec(text) ?? []
  const host = v6 ?? name
  const port = Number(digits)
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new PcgError('invalid', `"${text}" is not the address of a broker`, {
      subject: 'broker address',
      remedy: 'Give it as HOST:PORT, an IPv6 address in brackets: broker.example.com:7443, [::1]:7443.',
    })
  }
  return { host, port }
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
