import { seal } from '../../../resources/sealing.ts'
import type { OpenstackCloud } from '../../peers/openstack/cloud.ts'
import type { OpenstackProject } from '../../peers/openstack/project.ts'
import { PLAIN_PROFILE } from './plain-profile.ts'
import type { Saas } from './saas.ts'

export const GATEWAY = 'site-1'
export const ACCOUNT = 'openstack'

/** Applies a profile without Kubernetes and an account of the project, its password sealed to the gateway. */
export async function useOpenstack(saas: Saas, cloud: OpenstackCloud, project: OpenstackProject): Promise<void> {
  const { username, password } = project
  await saas.apply(
    await openstackAccount(saas, cloud, project, {
      type: 'password',
      username,
      userDomainName: 'Default',
      password,
    }),
    PLAIN_PROFILE,
  )
}

/** The account with these credentials; an application credential has its scope already. */
export async function openstackAccount(
  saas: Saas,
  cloud: OpenstackCloud,
  project: Pick<OpenstackProject, 'name'>,
  credentials: Readonly<Record<string, string>>,
  name = ACCOUNT,
): Promise<unknown> {
  const binding = { tenant: 'default', gateway: GATEWAY, account: name }
  return {
    apiVersion: 'pcg/v1',
    kind: 'CloudAccount',
    metadata: { name },
    spec: {
      cloud: 'openstack',
      gateway: GATEWAY,
      authUrl: cloud.authUrl,
      authority: cloud.authorityPem,
      region: cloud.region,
      ...(credentials.type === 'password'
        ? { scope: { projectName: project.name, projectDomainName: 'Default' } }
        : {}),
      sealed: await seal(await saas.sealingKey(GATEWAY), credentials, binding),
    },
  }
}

export interface OpenstackClusterOptions {
  readonly workers?: number
  readonly placement?: Readonly<Record<string, unknown>>
  readonly pool?: Readonly<Record<string, unknown>>
  readonly endpoint?: Readonly<Record<string, unknown>>
}

/** A cluster with a network, a router and a floating IP of its own, whose machines boot from volumes and have another disk. */
export function openstackCluster(name: string, options: OpenstackClusterOptions = {}): unknown {
  const pool = { flavor: 'v1.small', diskGiB: 5, disks: [{ sizeGiB: 1 }], ...options.pool }
  return {
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account: ACCOUNT,
      profile: 'plain',
      placement: {
        cloud: 'openstack',
        image: 'debian-12',
        network: { type: 'create', cidr: '10.42.0.0/24', router: 'public' },
        access: { ssh: ['192.0.2.0/24'] },
        bootVolume: {},
        ...options.placement,
      },
      controlPlane: { count: 1, ...pool },
      workers: [{ name: 'workers', count: options.workers ?? 0, ...pool }],
      network: { endpoint: { type: 'floating-ip', ...options.endpoint } },
    },
  }
}

export interface SmallClusterOptions {
  readonly account?: string
  readonly workers?: number
  readonly image?: string
  readonly flavor?: string
}

/** A cluster on the project's network `private`, whose machines boot from an image and have nothing besides: soon made. */
export function smallOpenstackCluster(name: string, options: SmallClusterOptions = {}): unknown {
  const { account = ACCOUNT, workers = 0, image = 'debian-12', flavor = 'm1.small' } = options
  return {
    apiVersion: 'pcg/v1',
    kind: 'Cluster',
    metadata: { name },
    spec: {
      account,
      profile: 'plain',
      placement: {
        cloud: 'openstack',
        image,
        network: { type: 'existing', network: 'private' },
        antiAffinity: 'none',
      },
      controlPlane: { count: 1, flavor },
      workers: [{ name: 'workers', count: workers, flavor }],
      network: { endpoint: { type: 'external', address: `${name}.example.com` } },
    },
  }
}
