import { z } from 'zod'
import { API_VERSION, metadataSchema, nameSchema } from './metadata.ts'
import type { Finding } from './query.ts'

const sealedSchema = z
  .string()
  .regex(
    /^pcg-hpke-v1\.[\w-]+\.[\w-]+\.[\w-]+$/,
    'must be the output of `pcg secret seal`; credentials in the clear are not accepted',
  )

const vsphereSchema = z.strictObject({
  cloud: z.literal('vsphere'),
  gateway: nameSchema,
  /** Host or host:port of vCenter. */
  server: z.string().regex(/^[^\s/]+$/, 'must be a host or host:port, without https://'),
  /** PEM; the site's own authority, if vCenter's certificate isn't from a public one. */
  authority: z.string().startsWith('-----BEGIN CERTIFICATE-----').optional(),
  /** SHA-256 of vCenter's certificate (hex, colons allowed), trusted whoever issued it. */
  thumbprint: z
    .string()
    .regex(/^([0-9A-Fa-f]{2}:?){32}$/, 'must be a SHA-256 fingerprint: 32 bytes in hex')
    .optional(),
  sealed: sealedSchema,
})

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
const identityText = z.string().min(1, 'is empty').max(255)

/** The service types of the catalog, by their official names (service-types-authority). */
export const OPENSTACK_SERVICES = [
  'identity',
  'compute',
  'network',
  'image',
  'block-storage',
  'placement',
  'load-balancer',
] as const

const openstackScope = z
  .strictObject({
    projectId: identityText.optional(),
    projectName: identityText.optional(),
    /** Of a project that is given by its name. */
    projectDomainId: identityText.optional(),
    projectDomainName: identityText.optional(),
    domainId: identityText.optional(),
    domainName: identityText.optional(),
    system: z.literal('all').optional(),
    trustId: identityText.optional(),
  })
  .superRefine((scope, context) => {
    const given = (['projectId', 'projectName', 'domainId', 'domainName', 'system', 'trustId'] as const).filter(
      (field) => scope[field] !== undefined,
    )
    const problem = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message })
    if (given.length === 0) problem('projectName', 'is required: name a project (or a domain, system: all, or a trust)')
    for (const field of given.slice(1)) problem(field, `can't stand beside ${given[0]}: a token has one scope`)
    const domains = (['projectDomainId', 'projectDomainName'] as const).filter((field) => scope[field] !== undefined)
    if (scope.projectName !== undefined && domains.length === 0)
      problem('projectDomainName', 'is required: a project name counts within a domain only (often Default)')
    for (const field of domains.slice(1)) problem(field, `can't stand beside ${domains[0]}: they name the same domain`)
  })

const openstackSchema = z.strictObject({
  cloud: z.literal('openstack'),
  gateway: nameSchema,
  /** Keystone's, with or without /v3. */
  authUrl: httpUrl,
  /** The catalog's only one if absent. */
  region: identityText.optional(),
  interface: z.enum(['public', 'internal', 'admin']).default('public'),
  /** Absent for an application credential, which has its project already. */
  scope: openstackScope.optional(),
  /** PEM; the site's own authorities, if the services' certificates aren't from public ones. */
  authority: z.string().startsWith('-----BEGIN CERTIFICATE-----').optional(),
  /** In place of what the catalog says. */
  endpoints: z.partialRecord(z.enum(OPENSTACK_SERVICES), httpUrl).default({}),
  sealed: sealedSchema,
})

const faultSchema = z.strictObject({
  /** Of which step kind; any if absent. */
  step: z.string().optional(),
  outcome: z.enum(['retryable', 'fatal', 'unknown', 'capacity', 'credentials']),
  /** Of 1: how often it strikes. */
  probability: z.number().min(0).max(1),
})

const sandboxSchema = z.strictObject({
  cloud: z.literal('sandbox'),
  gateway: nameSchema,
  latencyMs: z
    .strictObject({
      create: z.number().int().min(0).max(600_000).default(800),
      power: z.number().int().min(0).max(600_000).default(200),
      boot: z.number().int().min(0).max(600_000).default(1_500),
      delete: z.number().int().min(0).max(600_000).default(300),
      /** Until the guest of a control plane asks the gateway again; a real one takes a minute. */
      ask: z.number().int().min(1).max(600_000).default(60_000),
    })
    .prefault({}),
  faults: z.array(faultSchema).max(20).default([]),
  /** How many machines fit. */
  capacity: z.number().int().min(0).max(1_000_000).default(100_000),
})

export const cloudAccountSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('CloudAccount'),
  metadata: metadataSchema,
  spec: z.discriminatedUnion('cloud', [vsphereSchema, openstackSchema, sandboxSchema]),
})

export type CloudAccount = z.infer<typeof cloudAccountSchema>
export type CloudAccountSpec = CloudAccount['spec']
export type VsphereAccountSpec = Extract<CloudAccountSpec, { cloud: 'vsphere' }>
export type OpenstackAccountSpec = Extract<CloudAccountSpec, { cloud: 'openstack' }>
export type OpenstackServiceType = (typeof OPENSTACK_SERVICES)[number]
export type SandboxAccountSpec = Extract<CloudAccountSpec, { cloud: 'sandbox' }>
export type Cloud = CloudAccountSpec['cloud']

export interface AccountStatus {
  readonly observedGeneration: number
  /** `Suspended`: the cloud refused the credentials, and nothing is tried until they change. */
  readonly phase: 'Verifying' | 'Ready' | 'Invalid' | 'Suspended'
  readonly findings: readonly Finding[]
}
