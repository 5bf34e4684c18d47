import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MachineAddress } from '../../adapters/adapter.ts'
import { metadataConfig, userDataConfig } from '../../adapters/vsphere/guestinfo.ts'
import { renderUserData } from '../../gateway/bootstrap/user-data.ts'
import { redacted } from '../peers/guestinfo.ts'
import { peer, title } from '../peers/peer.ts'
import { bootstrapInput, layers, MACHINES, type MachineKind } from '../unit/bootstrap/fixtures.ts'

const cloudInit = await peer('cloud-init')
const KINDS: MachineKind[] = ['init', 'control-plane', 'worker']
const MAC = '00:50:56:AA:BB:CC'

interface Guest {
  readonly instanceId: string
  readonly hostname: string
  readonly cloudConfig: { readonly runcmd: unknown; readonly packages: unknown }
  readonly files: readonly { readonly path: string; readonly mode: string; readonly content: string }[]
  /** By renderer, then by path. */
  readonly networks: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** What is left there once it was read. */
  readonly guestinfo: Readonly<Record<string, string>>
}

/** Debian's own Python, for which cloud-init is installed, whatever else is on the PATH. */
async function run(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } })
  child.stdin.end(input)
  const exited = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${out}${errors}`)
  return out
}

/** What cloud-init makes of a machine's guestinfo. */
async function boot(kind: MachineKind, address: MachineAddress, overrides = {}): Promise<Guest> {
  const { name, uid } = MACHINES[kind]
  const spec = { name, address, owner: { gateway: 'default/site-1', cluster: 'prod', machine: uid } }
  return read({
    ...metadataConfig(spec, MAC),
    ...userDataConfig(renderUserData(bootstrapInput(kind, overrides))),
  })
}

async function read(guestinfo: Readonly<Record<string, string>>): Promise<Guest> {
  const script = new URL('cloud-init-guest.py', import.meta.url).pathname
  return JSON.parse(await run('/usr/bin/python3', [script], JSON.stringify(guestinfo)))
}

const DHCP: MachineAddress = { type: 'dhcp' }
const STATIC: MachineAddress = {
  type: 'static',
  address: '10.0.0.11',
  prefix: 24,
  gateway: '10.0.0.1',
  nameservers: ['10.0.0.53', '10.0.0.54'],
  searchDomains: ['lab.example'],
}

describe.skipIf(!cloudInit.available)(title('cloud-init', cloudInit), () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-init-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  const none = layers({ kubernetes: { distribution: 'none', version: '1.31.4' } })

  it.each([...KINDS, 'none' as const])('takes the user-data of %s as valid', async (kind) => {
    const input = kind === 'none' ? bootstrapInput('worker', { layers: none }) : bootstrapInput(kind)
    const path = join(folder, `${kind}.yaml`)
    await writeFile(path, renderUserData(input))
    expect(await run('/usr/bin/cloud-init', ['schema', '--config-file', path])).toMatch(/valid cloud-config/i)
  })

  it('refuses user-data that is wrong, or these tests would show nothing', async () => {
    const path = join(folder, 'wrong.yaml')
    await writeFile(path, renderUserData(bootstrapInput('worker')).replace('permissions:', 'permission:'))
    await expect(run('/usr/bin/cloud-init', ['schema', '--config-file', path])).rejects.toThrow(/permission/)
  })

  it.each(KINDS)('writes the files of %s from guestinfo, each as it was meant', async (kind) => {
    const guest = await boot(kind, DHCP)
    const file = new Map(guest.files.map((one) => [one.path, one]))
    expect(file.get('/etc/pcg/phone-home.json')?.mode).toBe('0600')
    expect(JSON.parse(file.get('/etc/pcg/phone-home.json')?.content ?? '')).toMatchObject({ token: 'phone-home-token' })
    expect(file.get('/etc/pcg/kubeadm.yaml')?.content).toMatch(/^apiVersion: kubeadm.k8s.io\/v1beta4\n/)
    expect(file.get('/usr/local/lib/pcg/bootstrap.sh')?.mode).toBe('0755')
    if (kind === 'init')
      expect(file.get('/etc/pcg/manifests/01-flannel-vxlan-.yaml')?.content).toBe('kind: Namespace\n')
  })

  it('clears the user-data once it has read it, and knows the machine at its next boot all the same', async () => {
    const first = await boot('init', STATIC)
    expect(first.files).not.toEqual([])
    expect(first.guestinfo).toMatchObject(redacted(['userdata']))
    const next = await read(first.guestinfo)
    expect(next).toMatchObject({ instanceId: first.instanceId, hostname: first.hostname, files: [] })
    expect(next.networks).toEqual(first.networks)
  })

  it('knows the machine by its uid and name', async () => {
    const guest = await boot('worker', DHCP)
    expect(guest).toMatchObject({ instanceId: MACHINES.worker.uid, hostname: MACHINES.worker.name })
  })

  it.each(['netplan', 'networkd', 'eni', 'sysconfig'])('gives a machine its static address by %s', async (renderer) => {
    const guest = await boot('worker', STATIC)
    const rendered = Object.values(guest.networks[renderer] ?? {}).join('\n')
    for (const part of ['10.0.0.11', '10.0.0.1', '10.0.0.53', 'lab.example', MAC.toLowerCase()])
      expect(rendered).toContain(part)
  })

  it.each([
    ['netplan', /dhcp4: true/],
    ['networkd', /DHCP=ipv4/],
    ['eni', /inet dhcp/],
    ['sysconfig', /BOOTPROTO=dhcp/],
  ] as const)('lets a machine ask for its address by %s', async (renderer, expected) => {
    const guest = await boot('worker', DHCP)
    expect(Object.values(guest.networks[renderer] ?? {}).join('\n')).toMatch(expected)
  })
})
