import { z } from 'zod'
import { PcgError } from '../../../runtime/pcg-error.ts'

const instant = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'is no time')

const tokenSchema = z.object({
  token: z.object({
    issued_at: instant,
    expires_at: instant,
    user: z.object({ id: z.string(), name: z.string() }),
    project: z.object({ id: z.string(), name: z.string() }).optional(),
    roles: z.array(z.object({ name: z.string() })).default([]),
    application_credential: z
      .object({ id: z.string(), name: z.string().default(''), restricted: z.boolean().default(true) })
      .optional(),
    catalog: z
      .array(
        z.object({
          type: z.string(),
          endpoints: z
            .array(
              z.object({
                interface: z.string(),
                region: z.string().nullish(),
                region_id: z.string().nullish(),
                url: z.string(),
              }),
            )
            .default([]),
        }),
      )
      .default([]),
  }),
})

export interface CatalogEndpoint {
  readonly interface: string
  readonly region: string | undefined
  readonly url: string
}

export interface CatalogEntry {
  readonly type: string
  readonly endpoints: readonly CatalogEndpoint[]
}

/** The one that a token was made from. */
export interface UsedApplicationCredential {
  readonly id: string
  readonly name: string
  /** It can't make or delete further ones. */
  readonly restricted: boolean
}

/** What keystone gave; `value` is the secret. */
export interface Token {
  readonly value: string
  /** By our clock, so that a clock of keystone's that is wrong doesn't matter. */
  readonly expiresAtMs: number
  /** As keystone wrote it. */
  readonly expiresAt: string
  readonly user: { readonly id: string; readonly name: string }
  readonly project: { readonly id: string; readonly name: string } | undefined
  readonly roles: readonly string[]
  readonly applicationCredential: UsedApplicationCredential | undefined
  /** By how much keystone's clock is ahead of ours, to the second; negative if behind. */
  readonly clockAheadMs: number
  readonly catalog: readonly CatalogEntry[]
}

/** @param value from X-Subject-Token; @param now when the answer came. */
export function readToken(value: string | undefined, body: unknown, now: number): Token {
  const read = tokenSchema.safeParse(body)
  if (value === undefined || !read.success) {
    const why = read.success ? 'there is no X-Subject-Token' : z.prettifyError(read.error)
    throw new PcgError('unavailable', `what answered for a token is not keystone: ${why}`, {
      subject: 'spec.authUrl',
      remedy: `Check that spec.authUrl is keystone's URL.`,
    })
  }
  const { token } = read.data
  return {
    value,
    expiresAtMs: now + Date.parse(token.expires_at) - Date.parse(token.issued_at),
    expiresAt: token.expires_at,
    user: { id: token.user.id, name: token.user.name },
    project: token.project && { id: token.project.id, name: token.project.name },
    roles: token.roles.map(({ name }) => name),
    applicationCredential: token.application_credential,
    clockAheadMs: Date.parse(token.issued_at) - now,
    catalog: token.catalog.map(({ type, endpoints }) => ({
      type,
      endpoints: endpoints.map((endpoint) => ({
        interface: endpoint.interface,
        region: endpoint.region_id ?? endpoint.region ?? undefined,
        url: endpoint.url,
      })),
    })),
  }
}
