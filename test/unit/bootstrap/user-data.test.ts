import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { type BootstrapInput, renderUserData } from '../../../gateway/bootstrap/user-data.ts'
import { bootstrapInput, cluster, layers, type MachineKind, SECRETS } from './fixtures.ts'

interface Written {
  readonly path: string
  readonly permissions: string
  readonly content: string
  readonly encoding?: string
}

/** What cloud-init would write, by path. */
function files(kind: MachineKind, overrides: Partial<BootstrapInput> = {}): Map<string, Written> {
  const config: { write_files: Written[] } = parse(renderUserData(bootstrapInput(kind, overrides)))
  return new Map(config.write_files.map((file) => [file.path, file]))
}

function documents(kind: MachineKind, overrides: Partial<BootstrapInput> = {}): Record<string, unknown>[] {
  const content = files(kind, overrides).get('/etc/pcg/kubeadm.yaml')?.content ?? ''
  return parseAllDocuments(content).map((document) => document.toJS())
}

describe('the user-data of every machine', () => {
  const kinds: MachineKind[] = ['init', 'control-plane', 'worker']

  it.each(kinds)('%s: says where to phone home, by which token, and whom to trust', (kind) => {
    const input = bootstrapInput(kind)
    const content = files(kind).get('/etc/pcg/phone-home.json')?.content ?? ''
    expect(JSON.parse(content)).toEqual({
      url: `https://10.0.0.2:8443/machines/${input.machine.uid}`,
      token: 'phone-home-token',
      authority: input.phoneHome.authority,
    })
  })

  it.each(kinds)('%s: keeps each file with a secret from other users of the machine', (kind) => {
    const secrets = ['phone-home-token', SECRETS.certificateKey, 'newnew.0123456789abcdef', 'CLUSTERKEY']
    for (const { path, content, permissions } of files(kind).values())
      if (secrets.some((secret) => content.includes(secret))) expect([path, permissions]).toEqual([path, '0600'])
  })

  it.each(kinds)('%s: has the profile’s keys and packages, and its own host name', (kind) => {
    const config = parse(renderUserData(bootstrapInput(kind)))
    expect(config).toMatchObject({
      hostname: bootstrapInput(kind).machine.name,
      ssh_authorized_keys: ['ssh-ed25519 AAAA ops'],
      packages: ['chrony'],
    })
    expect(config.runcmd.at(-1)).toEqual(['/usr/local/lib/pcg/bootstrap.sh'])
  })

  it.each(kinds)('%s: survives YAML as it was written', (kind) => {
    const script = files(kind).get('/usr/local/lib/pcg/kubernetes.sh')?.content ?? ''
    expect(script).toMatch(/^#!\/bin\/bash\n/)
    expect(script.endsWith("log 'done'\n")).toBe(true)
    expect(renderUserData(bootstrapInput(kind)).length).toBeLessThan(24_000)
  })

  it('without Kubernetes only phones home', () => {
    const paths = [
      ...files('worker', { layers: layers({ kubernetes: { distribution: 'none', version: '1.31.4' } }) }).keys(),
    ]
    expect(paths).toContain('/etc/pcg/phone-home.json')
    expect(paths.filter((path) => /kube|modules|sysctl|join/.test(path))).toEqual([])
  })

  it('that is too large for a cloud is refused, with the remedy', () => {
    const manifest = Array.from({ length: 60_000 }, (_, index) => Math.sin(index).toString(36)).join('\n')
    const large = layers({ cni: { name: 'large', version: '1', manifest: manifest.slice(0, 200_000) } })
    expect(() => renderUserData(bootstrapInput('init', { layers: large }))).toThrow(
      expect.objectContaining({ code: 'invalid', remedy: expect.stringContaining('manifestUrl') }),
    )
  })
})

describe('the machine that makes the cluster', () => {
  it('is told the cluster’s shape, its newest token and its certificates’ key', () => {
    const [init, config, kubelet] = documents('init')
    expect(init).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'InitConfiguration',
      bootstrapTokens: [{ token: 'newnew.0123456789abcdef' }],
      certificateKey: SECRETS.certificateKey,
      nodeRegistration: { name: 'prod-cp-1' },
    })
    expect(config).toMatchObject({
      kind: 'ClusterConfiguration',
      clusterName: 'prod',
      kubernetesVersion: 'v1.31.4',
      controlPlaneEndpoint: '10.0.0.10:6443',
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/12' },
    })
    expect(kubelet).toMatchObject({ kind: 'KubeletConfiguration', cgroupDriver: 'systemd' })
  })

  it('alone has the authority and the manifests, in the order of the layers', () => {
    const init = files('init')
    expect(init.get('/etc/kubernetes/pki/ca.key')?.permissions).toBe('0600')
    expect(init.get('/etc/pcg/manifests.list')?.content).toBe(
      '/etc/pcg/manifests/01-flannel-vxlan-.yaml\nhttps://packages.example/metrics.yaml\n',
    )
    const manifest = init.get('/etc/pcg/manifests/01-flannel-vxlan-.yaml')
    expect(manifest?.encoding).toBe('gz+b64')
    expect(gunzipSync(Buffer.from(manifest?.content ?? '', 'base64')).toString()).toBe('kind: Namespace\n')
    for (const kind of ['control-plane', 'worker'] as const)
      expect([...files(kind).keys()].filter((path) => /pki|manifests/.test(path))).toEqual([])
  })
})

describe('the machines that join', () => {
  it('know the endpoint, the token and the authority’s hash', () => {
    for (const kind of ['control-plane', 'worker'] as const)
      expect(documents(kind)[0]).toMatchObject({
        kind: 'JoinConfiguration',
        discovery: {
          bootstrapToken: {
            apiServerEndpoint: '10.0.0.10:6443',
            token: 'newnew.0123456789abcdef',
            caCertHashes: [SECRETS.authority.hash],
          },
        },
      })
  })

  it('get the control plane’s certificates only if they are part of it', () => {
    expect(documents('control-plane')[0]).toMatchObject({ controlPlane: { certificateKey: SECRETS.certificateKey } })
    expect(renderUserData(bootstrapInput('worker'))).not.toContain(SECRETS.certificateKey)
  })

  it('ask who joins and leaves only on the control plane', () => {
    const asks = (kind: MachineKind) => files(kind).has('/etc/systemd/system/pcg-join-wanted.timer')
    expect([asks('init'), asks('control-plane'), asks('worker')]).toEqual([true, true, false])
    const takesOut = (kind: MachineKind) => files(kind).has('/usr/local/lib/pcg/leave.sh')
    expect([takesOut('init'), takesOut('control-plane'), takesOut('worker')]).toEqual([true, true, false])
  })
})

describe('the endpoint', () => {
  const external = cluster({ endpoint: { type: 'external', address: 'api.example', port: 443 } })
  const shifted = cluster({ endpoint: { type: 'virtual-ip', address: '10.0.0.10', port: 7443 } })

  it('is held by kube-vip on the control plane where it is a virtual IP', () => {
    const pod = parse(files('control-plane').get('/etc/pcg/kube-vip.yaml')?.content ?? '')
    expect(pod).toMatchObject({ kind: 'Pod', spec: { hostNetwork: true } })
    expect(pod.spec.containers[0].env).toContainEqual({ name: 'address', value: '10.0.0.10' })
    expect(pod.spec.volumes).toContainEqual({
      name: 'hosts',
      hostPath: { path: '/etc/pcg/kube-vip.hosts', type: 'File' },
    })
    expect(files('control-plane').get('/etc/pcg/kube-vip.hosts')?.content).toContain('kubernetes')
    expect(files('worker').has('/etc/pcg/kube-vip.yaml')).toBe(false)
  })

  it('is left to others where it is external, and then its port is theirs', () => {
    expect(files('init', { cluster: external }).has('/etc/pcg/kube-vip.yaml')).toBe(false)
    const [init, config] = documents('init', { cluster: external })
    expect(init).toMatchObject({ localAPIEndpoint: { bindPort: 6443 } })
    expect(config).toMatchObject({ controlPlaneEndpoint: 'api.example:443' })
  })

  it('of a virtual IP has the API server’s own port', () => {
    expect(documents('init', { cluster: shifted })[0]).toMatchObject({ localAPIEndpoint: { bindPort: 7443 } })
  })
})

describe('the version of Kubernetes', () => {
  const environment = (version: string) =>
    files('init', { layers: layers({ kubernetes: { version } }) }).get('/etc/pcg/machine.env')?.content

  it('decides which configuration kubeadm reads, and by which credentials kube-vip starts', () => {
    expect(environment('1.28.9')).toContain("KUBEADM_API='kubeadm.k8s.io/v1beta3'\nINIT_CREDENTIALS='admin.conf'")
    expect(environment('1.30.2')).toContain("KUBEADM_API='kubeadm.k8s.io/v1beta3'\nINIT_CREDENTIALS='super-admin.conf'")
    expect(environment('1.31.4')).toContain("KUBEADM_API='kubeadm.k8s.io/v1beta4'\nINIT_CREDENTIALS='super-admin.conf'")
  })
})
