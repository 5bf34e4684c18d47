/** What is checked before anything is made, against the services themselves. Machines are made in openstack.test.ts. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Adapter, FoundationSpec, MachineSpec } from '../../adapters/adapter.ts'
import { createOpenstackAdapter } from '../../adapters/openstack/adapter.ts'
import type { OpenstackCredentials } from '../../adapters/openstack/client/credentials.ts'
import type { OpenstackAccountSpec } from '../../resources/cloud-account.ts'
import type { OpenstackPlacement } from '../../resources/cluster.ts'
import type { Finding } from '../../resources/query.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import type { OpenstackProject } from '../peers/openstack/project.ts'
import { peer, title } from '../peers/peer.ts'
import { contextOf, drive } from './drive.ts'
import { GATEWAY, OpenstackSite, PLACEMENT } from './openstack-site.ts'

const openstack = await peer('openstack')

const trouble = (findings: readonly Finding[]) => findings.filter(({ severity }) => severity !== 'ok')
const said = (findings: readonly Finding[]) => findings.map(({ subject, message }) => `${subject}: ${message}`)

describe.skipIf(!openstack.available)(title('the checks on real OpenStack services', openstack), () => {
  let site: OpenstackSite
  let adapter: Adapter
  beforeAll(async () => {
    site = await OpenstackSite.start()
    adapter = site.adapter()
  })
  afterAll(() => site?.close())

  const passwordOf = ({ username, password }: OpenstackProject): OpenstackCredentials => {
    return { type: 'password', username, userDomain: { name: 'Default' }, password }
  }

  function open(credentials: OpenstackCredentials, account: Partial<OpenstackAccountSpec> = {}): Adapter {
    const opened = createOpenstackAdapter(site.account(account), credentials, { clock: systemClock, log: silentLog })
    onTestFinished(() => opened.close())
    return opened
  }

  /** An application credential has its project already. */
  function withoutScope(): OpenstackAccountSpec {
    const { scope: _, ...account } = site.account()
    return account
  }

  describe('verify', () => {
    it('finds all well for a member, and names what there is', async ({ signal }) => {
      const findings = await adapter.verify(contextOf(signal))
      expect(trouble(findings)).toEqual([])
      expect(said(findings)).toEqual([
        expect.stringMatching(/^credentials: .* in project .*, with the roles .*member/),
        'service compute: Nova v2.1, microversion 2.93',
        'service network: Neutron v2.0',
        expect.stringMatching(/^service image: Glance v2/),
        'service block-storage: Cinder v3, microversion 3.70',
        expect.stringMatching(/^service load-balancer: no Octavia here/),
      ])
    })

    it('tells a reader which role it lacks', async ({ signal }) => {
      const project = await site.cloud.newProject({ roles: ['reader'], network: false })
      const scope = { projectId: project.id }
      expect(trouble(await open(passwordOf(project), { scope }).verify(contextOf(signal)))).toEqual([
        expect.objectContaining({
          severity: 'error',
          subject: 'roles',
          remedy: expect.stringContaining(
            `openstack role add --project ${project.name} --user ${project.username} member`,
          ),
        }),
      ])
    })

    it('tells who logs in to no project that one is missing', async ({ signal }) => {
      const unscoped = createOpenstackAdapter(withoutScope(), passwordOf(site.project), {
        clock: systemClock,
        log: silentLog,
      })
      onTestFinished(() => unscoped.close())
      expect(said(await unscoped.verify(contextOf(signal)))).toEqual([
        expect.stringMatching(/^spec\.scope: .* no project/),
      ])
    })

    it('takes an application credential', async ({ signal }) => {
      const { id, secret } = await site.project.applicationCredential()
      const credentials: OpenstackCredentials = { type: 'application-credential', id, secret }
      const opened = createOpenstackAdapter(withoutScope(), credentials, { clock: systemClock, log: silentLog })
      onTestFinished(() => opened.close())
      expect(trouble(await opened.verify(contextOf(signal)))).toEqual([])
    })

    it('asks keystone once with a wrong password, however often it is called', async ({ signal }) => {
      const project = await site.cloud.newProject({ network: false })
      const wrong = open({ ...passwordOf(project), password: 'wrong' } as OpenstackCredentials, {
        scope: { projectId: project.id },
      })
      site.cloud.front.traffic.reset()
      for (let attempt = 0; attempt < 3; attempt += 1)
        await expect(wrong.verify(contextOf(signal))).rejects.toMatchObject({ code: 'credentials' })
      expect(site.cloud.front.traffic.tokenRequests).toBe(1)
    })

    it('tells of a region that is not in the catalog', async ({ signal }) => {
      const found = trouble(await open(passwordOf(site.project), { region: 'elsewhere' }).verify(contextOf(signal)))
      expect(found.map(({ severity, subject }) => [severity, subject])).toEqual([
        ['error', 'service compute'],
        ['error', 'service network'],
        ['error', 'service image'],
        ['warning', 'service block-storage'],
      ])
    })
  })

  it('the inventory has what the project may choose from', async ({ signal }) => {
    await site.cloud.addImage({ name: 'twice' })
    const second = await site.cloud.addImage({ name: 'twice' })
    const items = await adapter.inventory(contextOf(signal))
    const find = (kind: string, name: string) => items.find((item) => item.kind === kind && item.name === name)
    expect(find('flavor', 'm1.medium')?.detail).toMatchObject({ vcpus: 2, ramMiB: 4096, diskGiB: 40 })
    expect(find('image', 'debian-12')?.detail).toMatchObject({
      status: 'active',
      usable: true,
      minDiskGiB: 2,
      minRamMiB: 256,
    })
    expect(find('image', second)).toMatchObject({ path: 'twice' })
    expect(find('network', 'private')?.detail).toMatchObject({ external: false, shared: false })
    expect(find('external-network', 'public')).toBeDefined()
    expect(items.find(({ kind, detail }) => kind === 'subnet' && detail.cidr === '10.10.0.0/16')?.path).toMatch(
      /^private\//,
    )
    expect(find('availability-zone', 'az-1')?.detail).toMatchObject({ available: true })
    expect(find('volume-type', 'fast')).toBeDefined()
    expect(find('security-group', 'default')).toBeDefined()
    await expect(
      adapter.preflight([site.spec({ placement: { ...PLACEMENT, image: second } })], contextOf(signal)),
    ).resolves.toEqual([])
  })

  function spec(placement: Partial<OpenstackPlacement> = {}, overrides: Partial<MachineSpec> = {}): MachineSpec {
    return site.spec({ placement: { ...PLACEMENT, ...placement }, ...overrides })
  }

  function foundation(
    endpoint: FoundationSpec['endpoint'],
    placement: Partial<OpenstackPlacement> = {},
  ): FoundationSpec {
    return {
      owner: { gateway: GATEWAY, cluster: 'prod', machine: randomUUID() },
      name: 'prod',
      placement: { ...PLACEMENT, ...placement },
      endpoint,
      pools: [
        { name: 'control-plane', role: 'control-plane' },
        { name: 'workers', role: 'worker' },
      ],
      want: 'present',
    }
  }

  const fixed = (address: string): Partial<MachineSpec> => ({
    address: { type: 'static', address, prefix: 16, gateway: '10.10.0.1', nameservers: [], searchDomains: [] },
  })

  describe('preflight', () => {
    it('finds nothing wrong with what can be made', async ({ signal }) => {
      const machines = [
        spec(),
        spec({ bootVolume: { type: 'fast' }, availabilityZone: 'az-1' }, { diskGiB: 20 }),
        spec({}, fixed('10.10.9.9')),
      ]
      const endpoint = { type: 'floating-ip', network: 'public', port: 6443 } as const
      expect(await adapter.preflight(machines, contextOf(signal), foundation(endpoint))).toEqual([])
    })

    it.for<[string, Partial<OpenstackPlacement>, Partial<MachineSpec>, string]>([
      ['an image', { image: 'debain-12' }, {}, 'image debain-12: does not exist'],
      ['a flavor', {}, { size: { type: 'flavor', flavor: 'm1.smal' } }, 'flavor m1.smal: does not exist'],
      ['a network', { network: { type: 'existing', network: 'privat' } }, {}, 'network privat: does not exist'],
      ['a zone', { availabilityZone: 'az-2' }, {}, 'availability zone az-2: does not exist'],
      ['a keypair', { keypair: 'mine' }, {}, 'keypair mine: does not exist'],
      ['a security group', { securityGroups: ['web'] }, {}, 'security group web: does not exist'],
      ['a volume type', { volumeType: 'slow' }, { disks: [{ sizeGiB: 1 }] }, 'volume type slow: does not exist'],
      [
        'a flavor that is too small',
        {},
        { size: { type: 'flavor', flavor: 'm1.tiny' } },
        'flavor m1.tiny: has a disk of 1 GiB, and image debian-12 needs 2',
      ],
      [
        'a flavor without a disk',
        {},
        { size: { type: 'flavor', flavor: 'v1.small' } },
        'flavor v1.small: has no disk of its own',
      ],
      ['a small boot volume', { bootVolume: {} }, { diskGiB: 1 }, 'diskGiB: is 1, and image debian-12 needs 2 GiB'],
      ['an address elsewhere', {}, fixed('10.11.0.5'), 'address: 10.11.0.5 is not within 10.10.0.0/16'],
      ['the gateway', {}, fixed('10.10.0.1'), 'address: 10.10.0.1 is the gateway'],
      ['long user-data', {}, { userData: 'x'.repeat(50_000) }, 'user-data: is 66668 bytes in base64'],
    ])('tells of %s', async ([, placement, overrides, words], { signal }) => {
      const findings = await adapter.preflight([spec(placement, overrides)], contextOf(signal))
      expect(said(findings)).toEqual([expect.stringContaining(words)])
      expect(findings[0]).toMatchObject({ severity: 'error', remedy: expect.any(String) })
    })

    it('tells of an image whose bytes are not there yet', async ({ signal }) => {
      const image = { name: 'coming', disk_format: 'raw', container_format: 'bare' }
      await site.cloud.apiAs(site.project).post('glance', '/v2/images', image)
      expect(said(await adapter.preflight([spec({ image: 'coming' })], contextOf(signal)))).toEqual([
        'image coming: is queued, and machines can be made only from an active one',
      ])
    })

    it("tells of addresses that others' ports hold, for machines and for the API", async ({ signal }) => {
      const address = '10.10.7.7'
      const port = {
        network_id: site.project.network?.networkId,
        name: 'printer',
        fixed_ips: [{ ip_address: address }],
      }
      await site.cloud.apiAs(site.project).post('neutron', '/v2.0/ports', { port })
      const endpoint = { type: 'virtual-ip', address, port: 6443 } as const
      expect(
        said(await adapter.preflight([spec({}, fixed(address))], contextOf(signal), foundation(endpoint))),
      ).toEqual([
        expect.stringMatching(/address: 10\.10\.7\.7 is held by port .* \(printer\)$/),
        expect.stringMatching(/^network\.endpoint\.address: 10\.10\.7\.7 is held by port .* \(printer\)$/),
      ])
    })

    it('tells that there are no load balancers, and what to use', async ({ signal }) => {
      const endpoint = { type: 'load-balancer', port: 6443 } as const
      expect(await adapter.preflight([], contextOf(signal), foundation(endpoint))).toEqual([
        expect.objectContaining({
          severity: 'error',
          subject: 'network.endpoint.type',
          remedy: 'Set it to virtual-ip, or to floating-ip.',
        }),
      ])
    })

    it('tells of a floating IP that no router leads to, and of one that is not there', async ({ signal }) => {
      const api = site.cloud.apiAs(site.project)
      const { network } = await api.post<{ network: { id: string } }>('neutron', '/v2.0/networks', {
        network: { name: 'alone' },
      })
      await api.post('neutron', '/v2.0/subnets', {
        subnet: { network_id: network.id, ip_version: 4, cidr: '10.66.0.0/29' },
      })
      const alone = { network: { type: 'existing', network: 'alone' } } as const
      const endpoint = { type: 'floating-ip', address: '203.0.113.250', port: 6443 } as const
      expect(said(await adapter.preflight([], contextOf(signal), foundation(endpoint, alone)))).toEqual([
        "floating IP 203.0.113.250: is none of the project's",
        'network alone: no router leads from it to public, from where the floating IP comes',
      ])
      const many = Array.from({ length: 6 }, () => spec(alone))
      expect(said(await adapter.preflight(many, contextOf(signal)))).toEqual([
        expect.stringMatching(/^subnet .*: 6 addresses are wanted, and it has [45] left$/),
      ])
    })

    it('asks a few questions for a hundred machines', async ({ signal }) => {
      const opened = open(passwordOf(site.project))
      site.cloud.front.traffic.reset()
      const machines = Array.from({ length: 100 }, () => spec({}, { disks: [{ sizeGiB: 10 }] }))
      expect(await opened.preflight(machines, contextOf(signal))).toEqual([])
      const asked = site.cloud.front.traffic.requests.filter(
        ({ api, method }) => api !== 'keystone' && method === 'GET',
      )
      expect(asked.length).toBeLessThan(30)
    })
  })

  describe('preflight against the quotas of a project', () => {
    let project: OpenstackProject
    let own: Adapter
    beforeAll(async () => {
      project = await site.cloud.newProject()
      own = createOpenstackAdapter(site.account({ scope: { projectId: project.id } }), passwordOf(project), {
        clock: systemClock,
        log: silentLog,
      })
    })
    afterAll(() => own?.close())

    const pool = (count: number) =>
      Array.from({ length: count }, () =>
        spec(
          { bootVolume: { type: 'fast' }, antiAffinity: 'soft' },
          { diskGiB: 20, disks: [{ sizeGiB: 30 }], foundation: randomUUID() },
        ),
      )
    /** Of an own network behind a router, with a floating IP. */
    const shared = foundation(
      { type: 'floating-ip', network: 'public', port: 6443 },
      {
        bootVolume: { type: 'fast' },
        antiAffinity: 'soft',
        network: { type: 'create', cidr: '10.77.0.0/24', nameservers: [], router: 'public' },
      },
    )

    it('finds nothing wrong where there is room', async ({ signal }) => {
      expect(await own.preflight(pool(3), contextOf(signal), shared)).toEqual([])
    })

    it('tells of each that is too small, with what is wanted and what is free', async ({ signal }) => {
      const tight = await site.cloud.newProject({
        quota: {
          compute: { instances: 2, cores: 2, ram: 6000, server_groups: 1 },
          // A network, its subnet, its router with a port, and the group `default` are there already.
          network: {
            port: 5,
            floatingip: 0,
            security_group: 2,
            security_group_rule: 4,
            network: 1,
            subnet: 1,
            router: 1,
          },
          volume: { volumes: 5, gigabytes: 149, volumes_fast: 2, per_volume_gigabytes: 19 },
        },
      })
      const full = open(passwordOf(tight), { scope: { projectId: tight.id } })
      expect(said(await full.preflight(pool(3), contextOf(signal), shared))).toEqual([
        'quota instances: 3 are wanted, 2 of 2 are free',
        'quota cores: 3 are wanted, 2 of 2 are free',
        'quota ram: 6144 MiB are wanted, 6000 of 6000 MiB are free',
        'quota server groups: 2 are wanted, 1 of 1 is free',
        'quota ports: 5 are wanted, 4 of 5 are free',
        'quota floating IPs: 1 is wanted, 0 of 0 are free',
        'quota security groups: 2 are wanted, 1 of 2 is free',
        expect.stringMatching(/^quota security group rules: \d+ are wanted, 0 of 4 are free$/),
        'quota networks: 1 is wanted, 0 of 1 are free',
        'quota subnets: 1 is wanted, 0 of 1 are free',
        'quota routers: 1 is wanted, 0 of 1 are free',
        'quota volumes: 6 are wanted, 5 of 5 are free',
        'quota gigabytes: 150 are wanted, 149 of 149 are free',
        'quota volumes of type fast: 3 are wanted, 2 of 2 are free',
        'quota gigabytes of one volume: a volume of 30 GiB is wanted, and one may have 19',
      ])
    })

    it('tells of a pool that is larger than its server group may be', async ({ signal }) => {
      await project.setQuota({ compute: { server_group_members: 2 } })
      const id = randomUUID()
      const machines = pool(3).map((machine) => ({ ...machine, foundation: id }))
      const findings = await own.preflight(machines, contextOf(signal))
      await project.setQuota({ compute: { server_group_members: 100 } })
      expect(said(findings)).toEqual([
        'quota server group members: pool workers is to have 3 machines in its server group, and a group may have 2',
      ])
    })

    it('does not count a machine that is there, though the quota is used up by it', { timeout: 60_000 }, async ({
      signal,
    }) => {
      const machine = spec({}, { disks: [{ sizeGiB: 1 }] })
      await drive(own, machine, signal)
      await project.setQuota({ compute: { instances: 1 }, network: { port: 2 }, volume: { volumes: 1 } })
      expect(await own.preflight([machine], contextOf(signal))).toEqual([])
      expect(said(await own.preflight([machine, spec()], contextOf(signal)))).toEqual([
        'quota instances: 1 is wanted, 0 of 1 are free',
        'quota ports: 1 is wanted, 0 of 2 are free',
      ])
    })
  })
})
