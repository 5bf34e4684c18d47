/** IPv4 networks as texts. Pure. */

/** `10.1.2.3/8` → `10.0.0.0/8`; undefined if it is no IPv4 network. */
export function networkOf(cidr: string): string | undefined {
  const { base, prefix } = parse(cidr) ?? {}
  return base === undefined || prefix === undefined ? undefined : `${written(base)}/${prefix}`
}

/** Whether the address is one of the network's. */
export function isWithin(address: string, cidr: string): boolean {
  const network = parse(cidr)
  const host = parse(`${address}/32`)
  if (network === undefined || host === undefined) return false
  return masked(host.base, network.prefix) === network.base
}

function parse(cidr: string): { readonly base: number; readonly prefix: number } | undefined {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(cidr)
  if (found === null) return undefined
  const [a, b, c, d, prefix] = found.slice(1).map(Number)
  const parts = [a ?? 256, b ?? 256, c ?? 256, d ?? 256]
  if (prefix === undefined || prefix > 32 || parts.some((part) => part > 255)) return undefined
  const address = parts.reduce((sum, part) => sum * 256 + part, 0)
  return { base: masked(address, prefix), prefix }
}

function masked(address: number, prefix: number): number {
  const size = 2 ** (32 - prefix)
  return Math.floor(address / size) * size
}

function written(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')
}
