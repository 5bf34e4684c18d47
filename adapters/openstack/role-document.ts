/** docs/openstack-role.md, from what the adapter checks. Pure. */
import type { ClusterEndpoint, OpenstackPlacement } from '../../resources/cluster.ts'
import { needsOf } from './foundation/needs.ts'
import { QUOTAS, type QuotaName, type Wants } from './quotas.ts'
import { BALANCING_ROLE, EXTENSION_NEEDS, MICROVERSION_NEEDS, SERVICE_NEEDS } from './requirements.ts'

/** What one machine takes besides; cores, RAM and gigabytes are as its pool says. */
const OF_A_MACHINE: Readonly<Partial<Record<QuotaName, string>>> = {
  instances: '1',
  cores: "its flavor's",
  ram: "its flavor's",
  ports: '1',
  volumes: '1 for each further disk, 1 for a boot volume',
  gigabytes: 'their sizes',
}

export function roleDocument(): string {
  return `${[HEAD, servicesSection(), versionsSection(), CREDENTIAL, quotasSection(), TAIL].join('\n\n')}\n`
}

const HEAD = `# What an OpenStack account needs

What the user of a \`CloudAccount\` with \`cloud: openstack\` must be allowed, what of each service is used, and what it takes
of the project's quotas. \`pcg verify NAME\` says what of it is missing, and what to do about it.

The gateway works in one project, as an ordinary user of it: the role \`member\` is enough, \`reader\` is not, and \`admin\` is not
needed for anything. Where Octavia has roles of its own, load balancers need \`${BALANCING_ROLE}\` as well.

This file is made from \`adapters/openstack/role-document.ts\`; a test compares the two.`

function servicesSection(): string {
  const rows = SERVICE_NEEDS.map(
    ({ service, project, required, usedFor }) =>
      `| ${project} (\`${service}\`) | ${required ? 'yes' : 'no'} | ${usedFor} |`,
  )
  return ['## Services', '', table(['Service', 'Needed', 'Used for'], rows)].join('\n')
}

function versionsSection(): string {
  const versions = MICROVERSION_NEEDS.map(
    ({ service, microversion, feature }) => `| microversion ${microversion} of \`${service}\` | no | ${feature} |`,
  )
  const extensions = EXTENSION_NEEDS.map(
    ({ alias, required, usedFor }) =>
      `| extension \`${alias}\` of \`network\` | ${required ? 'yes' : 'no'} | ${usedFor} |`,
  )
  return table(['Version or extension', 'Needed', 'Used for'], [...versions, ...extensions])
}

const CREDENTIAL = `## An application credential

It is for one project, has no password of a person in it, can be made and withdrawn without anybody's help, and can't make
further credentials. Make it as the user whom the machines are to belong to, logged in to the project:

\`\`\`sh
openstack application credential create pcg --role member --expiration 2027-12-31T00:00:00
\`\`\`

It shows \`id\` and \`secret\` once. Put both into a clouds.yaml, and import that:

\`\`\`yaml
clouds:
  prod:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://keystone.example.com:5000/v3
      application_credential_id: ID
      application_credential_secret: SECRET
    region_name: RegionOne
\`\`\`

\`\`\`sh
pcg account import clouds.yaml --gateway site-a --apply
pcg verify prod
\`\`\`

An application credential keeps the roles that were given to it; who gives its user another role makes a new one. \`pcg verify\` warns
30 days before it expires. To change it, import the new one in the same way: the gateway takes it only after keystone did. Delete the
old one then (\`openstack application credential delete\`).

A user with a password works too. Keystone may lock a user out after wrong passwords: the gateway tries a refused one once, and then
leaves the account alone until it changes.

\`\`\`sh
openstack user create --domain Default --password-prompt pcg
openstack role add --project PROJECT --user pcg member
\`\`\``

function quotasSection(): string {
  const clusters = EXAMPLES.map(({ placement, endpoint }) => exampleNeeds(placement, endpoint))
  const rows = Object.entries(QUOTAS).map(([name, { option }]) => {
    const quota = name as QuotaName
    const counts = clusters.map((needs) => needs[quota] ?? '')
    return `| ${name} | \`${option}\` | ${OF_A_MACHINE[quota] ?? ''} | ${counts.join(' | ')} |`
  })
  return [
    '## Quotas',
    '',
    'Of what a cluster takes, besides what each of its machines takes: for a control plane and one worker pool, with the default',
    '`placement.access`. Each worker pool more is a server group more. The machines of a pool are in one server group, so',
    '`--server-group-members` must be at least the size of the largest pool (not with `antiAffinity: none`). `pcg plan` compares with what',
    'the project has left.',
    '',
    table(['Quota', '`openstack quota set`', 'a machine', ...EXAMPLES.map(({ title }) => title)], rows),
    '',
    'The option for load balancers is of `openstack loadbalancer quota set`.',
  ].join('\n')
}

const EXISTING: OpenstackPlacement['network'] = { type: 'existing', network: 'nodes' }
const EXAMPLES: readonly {
  readonly title: string
  readonly placement: OpenstackPlacement['network']
  readonly endpoint: ClusterEndpoint
}[] = [
  {
    title: 'existing network, virtual-ip',
    placement: EXISTING,
    endpoint: { type: 'virtual-ip', address: '10.0.0.10', port: 6443 },
  },
  {
    title: 'own network, floating-ip',
    placement: { type: 'create', cidr: '10.0.0.0/24', nameservers: [], router: 'public' },
    endpoint: { type: 'floating-ip', port: 6443 },
  },
  {
    title: 'existing network, load-balancer with a floating IP',
    placement: EXISTING,
    endpoint: { type: 'load-balancer', network: 'public', port: 6443 },
  },
]

function exampleNeeds(network: OpenstackPlacement['network'], endpoint: ClusterEndpoint): Wants {
  const placement: OpenstackPlacement = {
    cloud: 'openstack',
    image: 'debian-12',
    network,
    securityGroups: [],
    access: { api: ['0.0.0.0/0'], ssh: [], nodePorts: [] },
    antiAffinity: 'soft',
    userData: 'config-drive',
  }
  return needsOf(
    {
      owner: { gateway: 'default/site-a', cluster: 'demo', machine: '00000000-0000-4000-8000-000000000000' },
      name: 'demo',
      placement,
      endpoint,
      pools: [
        { name: 'control-plane', role: 'control-plane' },
        { name: 'general', role: 'worker' },
      ],
      want: 'present',
    },
    null,
  )
}

const TAIL = `## What the gateway does not need

No access to other projects, to hypervisors, hosts or consoles, and no right to upload or change images, flavors, quotas or users. It
changes and deletes only what carries its mark: the description of ports, networks, security groups and floating IPs, the
metadata of servers and volumes, the name of server groups. cloud-init user-data with join secrets is handed to nova when a server
is made, and nova keeps it: the cloud's administrators can read it (\`OS-EXT-SRV-ATTR:user_data\`), and on the machine itself whoever
may read its config drive or ask the metadata service.`

function table(titles: readonly string[], rows: readonly string[]): string {
  return [`| ${titles.join(' | ')} |`, `|${titles.map(() => '---').join('|')}|`, ...rows].join('\n')
}
