import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { parseAllDocuments } from 'yaml'
import {
  type LeftReport,
  type PhoneHomeReport,
  type PhoneHomeServer,
  startPhoneHome,
  type Wanted,
} from '../../gateway/bootstrap/phone-home.ts'
import { systemClock } from '../../runtime/clock.ts'
import { silentLog } from '../../runtime/log.ts'
import { peer, title } from '../peers/peer.ts'
import { bootstrapInput, layers, type MachineKind, SECRETS } from '../unit/bootstrap/fixtures.ts'
import { MachineRoot } from './machine-root.ts'

const shell = await peer('shell')
const SCRIPTS = new URL('../../gateway/bootstrap/scripts/', import.meta.url).pathname
const NAMES = ['report.sh', 'bootstrap.sh', 'kubernetes.sh', 'join-wanted.sh', 'leave.sh']
const LIB = '/usr/local/lib/pcg'
const TOKEN = 'phone-home-token'

describe.skipIf(!shell.available)(title('the scripts of a machine', shell), () => {
  let folder: string
  let server: PhoneHomeServer
  let reports: PhoneHomeReport[]
  let wanted: Wanted
  let left: LeftReport[]
  const roots: MachineRoot[] = []

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'scripts-'))
    reports = []
    wanted = {
      tokens: ['newnew.0123456789abcdef'],
      certificateKey: SECRETS.certificateKey,
      leaving: [],
      againSeconds: null,
    }
    left = []
    const right = createHash('sha256').update(TOKEN).digest('hex')
    server = await startPhoneHome({
      host: '127.0.0.1',
      port: 0,
      folder,
      log: silentLog,
      clock: systemClock,
      sink: {
        report: async (_uid, tokenHash, report) => {
          if (tokenHash !== right) return 'refused'
          reports.push(report)
          return 'accepted'
        },
        joinWanted: async (_uid, tokenHash) => (tokenHash === right ? wanted : 'refused'),
        left: async (_uid, tokenHash, report) => {
          if (tokenHash !== right) return 'refused'
          left.push(report)
          return 'accepted'
        },
      },
    })
  })
  afterEach(async () => {
    await server.close()
    await Promise.all([...roots.splice(0).map((root) => root.remove()), rm(folder, { recursive: true })])
  })

  /** A machine on which only `report.sh` reaches out of its root. */
  async function machine(kind: MachineKind, { token = TOKEN, version = '1.31.4', distribution = 'kubeadm' } = {}) {
    const root = await MachineRoot.create(
      bootstrapInput(kind, {
        layers: layers({ kubernetes: { version, distribution } }),
        phoneHome: { url: server.url, authority: server.authority, token },
      }),
    )
    roots.push(root)
    for (const program of ['swapoff', 'modprobe', 'sysctl', 'systemctl', 'kubelet', 'sleep'])
      await root.standIn(program)
    await root.standIn('containerd', '[ "$1" = config ] && echo "  SystemdCgroup = false"; true')
    await root.standIn('kubectl')
    await root.standIn('kubeadm', kubeadm(version))
    // kubelet's health is the only thing that kubernetes.sh asks by curl.
    await root.standIn('curl', 'case "$*" in *10248*) exit 0 ;; *) exec /usr/bin/curl "$@" ;; esac')
    return root
  }

  function kubeadm(version: string, more = ''): string {
    return `if [ "$1" = version ]; then echo v${version}; exit; fi\n${more}`
  }

  it.each(NAMES)('%s passes shellcheck', async (name) => {
    await promisify(execFile)('/usr/bin/shellcheck', [join(SCRIPTS, name)])
  })

  describe('report.sh', () => {
    it('tells the gateway, in JSON that holds whatever the message was', async () => {
      const root = await machine('worker')
      const { code } = await root.run(`${LIB}/report.sh`, ['failed', 'line "one"\n\tline \\two\u0007 $(reboot) `id`'])
      expect(code).toBe(0)
      expect(reports).toEqual([
        expect.objectContaining({ phase: 'failed', message: 'line "one"  line \\two $(reboot) `id`' }),
      ])
    })

    it('says the address by which the machine reaches others', async () => {
      const root = await machine('worker')
      await root.standIn(
        'ip',
        'case "$*" in *route*) echo "default via 10.0.0.1 dev ens192 proto dhcp" ;; *ens192*) printf "%s\\n" "2: ens192    inet 10.0.0.11/24 brd 10.0.0.255 scope global ens192" "2: ens192    inet 10.0.0.10/32 scope global ens192" ;; esac',
      )
      await root.run(`${LIB}/report.sh`, ['ready'])
      expect(reports).toEqual([{ phase: 'ready', message: '', addresses: ['10.0.0.11'] }])
    })

    it('gives up at once when the gateway refuses it', async () => {
      const root = await machine('worker', { token: 'wrong' })
      expect((await root.run(`${LIB}/report.sh`, ['ready'])).code).toBe(1)
      expect((await root.calls()).filter((call) => call.startsWith('sleep'))).toEqual([])
    })

    it('keeps the token out of the command line, which everybody may read', async () => {
      const root = await machine('worker')
      await root.run(`${LIB}/report.sh`, ['ready'])
      expect((await root.calls()).join('\n')).toContain('curl')
      expect((await root.calls()).join('\n')).not.toContain(TOKEN)
    })
  })

  describe('bootstrap.sh', () => {
    it('reports booting, then ready, and remembers that it is done', async () => {
      const root = await machine('worker')
      expect((await root.run(`${LIB}/bootstrap.sh`)).code).toBe(0)
      expect(reports.map(({ phase }) => phase)).toEqual(['booting', 'ready'])
      expect(await root.read('/var/lib/pcg/bootstrapped')).toBe('')
    })

    it('reports ready alone where there is no Kubernetes to install', async () => {
      const root = await machine('worker', { distribution: 'none' })
      await root.run(`${LIB}/bootstrap.sh`)
      expect(reports.map(({ phase }) => phase)).toEqual(['booting', 'ready'])
      expect((await root.calls()).filter((call) => call.startsWith('kubeadm'))).toEqual([])
    })

    it('reports why it failed, in the words of what failed', async () => {
      const root = await machine('init')
      await root.standIn('kubeadm', kubeadm('1.31.4', 'echo "error: the disk is full" >&2; exit 1'))
      expect((await root.run(`${LIB}/bootstrap.sh`)).code).toBe(1)
      expect(reports.at(-1)).toMatchObject({
        phase: 'failed',
        message: expect.stringContaining('error: the disk is full'),
      })
    })
  })

  describe('kubernetes.sh', () => {
    const KUBE_VIP = '/etc/kubernetes/manifests/kube-vip.yaml'

    it('makes the cluster on the first machine, with kube-vip started by credentials that work then', async () => {
      const root = await machine('init')
      await root.standIn('kubectl', '[ "$1" != get ]')
      await root.standIn('kubeadm', kubeadm('1.31.4', `cp "$root${KUBE_VIP}" "$root/kube-vip-during-init"`))
      const { code, output } = await root.run(`${LIB}/kubernetes.sh`)
      expect([code, output]).toEqual([0, expect.any(String)])
      expect(await root.read('/kube-vip-during-init')).toContain(`path: ${root.folder}/etc/kubernetes/super-admin.conf`)
      expect(await root.read(KUBE_VIP)).toContain('/etc/kubernetes/admin.conf\n        type: File')
      const calls = await root.calls()
      expect(calls).toContain(
        'kubeadm init --config /etc/pcg/kubeadm.yaml --upload-certs --skip-token-print --skip-certificate-key-print',
      )
      expect(calls.filter((call) => call.startsWith('kubectl apply'))).toEqual([
        'kubectl apply --server-side --force-conflicts -f /etc/pcg/manifests/01-flannel-vxlan-.yaml',
        'kubectl apply --server-side --force-conflicts -f https://packages.example/metrics.yaml',
      ])
      expect(calls.at(-1)).toBe('systemctl enable --now pcg-join-wanted.timer')
      expect(await root.read('/etc/containerd/config.toml')).toBe('  SystemdCgroup = true\n')
      expect(await root.read('/etc/fstab')).toBe('/dev/sda1 / ext4 defaults 0 1\n#/dev/sda2 none swap sw 0 0\n')
    })

    it('tries to join until the cluster takes it, and cleans up in between', async () => {
      const root = await machine('control-plane')
      const third = 'if [ "$1" = join ]; then echo >>"$root/joins"; [ "$(wc -l <"$root/joins")" -ge 3 ]; fi'
      await root.standIn('kubeadm', kubeadm('1.31.4', third))
      expect((await root.run(`${LIB}/kubernetes.sh`)).code).toBe(0)
      const calls = (await root.calls()).filter((call) => /^kubeadm (join|reset)/.test(call))
      const [join, reset] = ['kubeadm join --config /etc/pcg/kubeadm.yaml', 'kubeadm reset --force']
      expect(calls).toEqual([join, reset, join, reset, join])
      expect(await root.read(KUBE_VIP)).toContain('/etc/kubernetes/admin.conf')
    })

    it('gives a worker neither a virtual IP nor join tokens to look after', async () => {
      const root = await machine('worker')
      expect((await root.run(`${LIB}/kubernetes.sh`)).code).toBe(0)
      await expect(root.read(KUBE_VIP)).rejects.toThrow('ENOENT')
      expect((await root.calls()).join('\n')).not.toContain('pcg-join-wanted')
    })

    it('fails where a manifest cannot be applied, after many tries', async () => {
      const root = await machine('init')
      await root.standIn('kubectl', '[ "$1" != apply ]')
      expect((await root.run(`${LIB}/kubernetes.sh`)).code).not.toBe(0)
      expect((await root.calls()).filter((call) => call.startsWith('kubectl apply'))).toHaveLength(30)
    })
  })

  describe('join-wanted.sh', () => {
    /** kubeadm that keeps each configuration it is given, by its kind of call. */
    const KEEP =
      'for last; do :; done; [ "$1" = token ] && cp "$last" "$root/token.yaml" || cp "$last" "$root/upload.yaml"'

    it('makes the wanted token valid, and the certificates at hand, by files and not by command lines', async () => {
      const root = await machine('control-plane')
      await root.write('/var/lib/pcg/bootstrapped', '')
      await root.standIn('kubectl', 'exit 1')
      await root.standIn('kubeadm', KEEP)
      expect(await root.run(`${LIB}/join-wanted.sh`)).toEqual({ code: 0, output: '' })
      const [init, cluster] = parseAllDocuments(await root.read('/token.yaml')).map((document) => document.toJS())
      expect(init).toEqual({
        apiVersion: 'kubeadm.k8s.io/v1beta4',
        kind: 'InitConfiguration',
        bootstrapTokens: [{ token: 'newnew.0123456789abcdef', ttl: '2h0m0s' }],
      })
      expect(cluster).toMatchObject({ kind: 'ClusterConfiguration', kubernetesVersion: 'v1.31.4' })
      expect(await root.read('/upload.yaml')).toContain(`certificateKey: ${SECRETS.certificateKey}\n`)
      expect((await root.calls()).join('\n')).not.toMatch(new RegExp(`0123456789abcdef|${SECRETS.certificateKey}`))
    })

    it('does nothing twice', async () => {
      const root = await machine('control-plane')
      await root.write('/var/lib/pcg/certificates-uploaded', '')
      await root.run(`${LIB}/join-wanted.sh`)
      const calls = await root.calls()
      expect(calls).toContain('kubectl --namespace kube-system get secret bootstrap-token-newnew')
      expect(calls.filter((call) => call.startsWith('kubeadm'))).toEqual([])
    })

    it('leaves the cluster alone when nobody is to join', async () => {
      wanted = { ...wanted, tokens: [] }
      const root = await machine('control-plane')
      expect((await root.run(`${LIB}/join-wanted.sh`)).code).toBe(0)
      expect((await root.calls()).filter((call) => /^kube/.test(call))).toEqual([])
    })
  })

  describe('join-wanted.sh, of machines that leave', () => {
    const worker = { name: 'prod-workers-2', role: 'worker', how: 'drain' } as const
    const member = { name: 'prod-cp-3', role: 'control-plane', how: 'drain' } as const

    /** kubectl in a cluster with these nodes and etcd members; `more` comes first. */
    const kubectl = (nodes: readonly string[], members: readonly string[], more = '') => `
      shift # --request-timeout
      ${more}
      case "$*" in
        'get node '*) case " ${nodes.join(' ')} " in *" $3 "*) echo "node/$3" ;; esac ;;
        *'member list') printf '%s\\n' ${members.map((name, index) => `'${index}a1f, started, ${name}, https://10.0.0.${index}:2380, , false'`).join(' ')} ;;
      esac`

    async function actor(script: string) {
      const root = await machine('control-plane')
      await root.write('/var/lib/pcg/certificates-uploaded', '')
      await root.standIn('kubectl', script)
      return root
    }

    const acts = async (root: MachineRoot): Promise<string[]> =>
      (await root.calls())
        .filter((call) => /^kubectl .*(drain|delete|member remove)/.test(call))
        .map((call) => call.replace('kubectl --request-timeout=30s ', ''))

    it('drains a worker, deletes its node, and tells the gateway', async () => {
      wanted = { ...wanted, tokens: [], leaving: [worker] }
      const root = await actor(kubectl(['prod-workers-2'], ['prod-cp-2']))
      expect(await root.run(`${LIB}/join-wanted.sh`)).toEqual({ code: 0, output: '' })
      expect(await acts(root)).toEqual([
        'drain prod-workers-2 --ignore-daemonsets --delete-emptydir-data --force --timeout=60s',
        'delete node prod-workers-2 --ignore-not-found',
      ])
      expect(left).toEqual([{ machine: 'prod-workers-2', outcome: 'left' }])
    })

    it('removes the etcd member of that name and no other, through the machine’s own, after the node', async () => {
      wanted = { ...wanted, tokens: [], leaving: [member] }
      const root = await actor(kubectl(['prod-cp-3'], ['prod-cp-2', 'prod-cp-33', 'prod-cp-3']))
      await root.run(`${LIB}/join-wanted.sh`)
      const etcdctl =
        '--namespace kube-system exec etcd-prod-cp-2 -- etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key'
      expect((await acts(root)).slice(1)).toEqual([
        'delete node prod-cp-3 --ignore-not-found',
        `${etcdctl} member remove 2a1f`,
      ])
      expect(left).toEqual([{ machine: 'prod-cp-3', outcome: 'left' }])
    })

    it('takes what is gone already for done', async () => {
      wanted = { ...wanted, tokens: [], leaving: [member, worker] }
      const root = await actor(kubectl([], ['prod-cp-2']))
      await root.run(`${LIB}/join-wanted.sh`)
      expect((await acts(root)).filter((act) => !act.startsWith('delete node'))).toEqual([])
      expect(left.map(({ outcome }) => outcome)).toEqual(['left', 'left'])
    })

    it('does without draining where it is told to, and says so', async () => {
      wanted = { ...wanted, tokens: [], leaving: [{ ...worker, how: 'remove' }] }
      const root = await actor(kubectl(['prod-workers-2'], []))
      await root.run(`${LIB}/join-wanted.sh`)
      expect(await acts(root)).toEqual(['delete node prod-workers-2 --ignore-not-found'])
      expect(left).toEqual([
        { machine: 'prod-workers-2', outcome: 'left', message: expect.stringContaining('with its pods on it') },
      ])
    })

    it('tells in kubectl’s words why a machine can’t leave, touches nothing else of it, and lets the others go', async () => {
      wanted = { ...wanted, tokens: [], leaving: [member, worker] }
      const refusal = `[ "$1 $2" = 'drain prod-cp-3' ] && { echo 'error: budget "db" is violated' >&2; exit 1; }`
      const root = await actor(kubectl(['prod-cp-3', 'prod-workers-2'], ['prod-cp-2', 'prod-cp-3'], refusal))
      expect((await root.run(`${LIB}/join-wanted.sh`)).code).toBe(0)
      expect(left).toContainEqual({
        machine: 'prod-cp-3',
        outcome: 'failed',
        message: expect.stringMatching(/within 60 seconds: error: budget "db" is violated$/),
      })
      expect(left).toContainEqual({ machine: 'prod-workers-2', outcome: 'left' })
      expect((await acts(root)).filter((act) => /delete node prod-cp-3|member remove/.test(act))).toEqual([])
    })

    it.each([
      ['its node', 'get', 'could not be looked up'],
      ['the etcd members', '--namespace', 'could not be listed'],
    ])('never takes an error about %s for "gone"', async (_, verb, words) => {
      wanted = { ...wanted, tokens: [], leaving: [member] }
      const root = await actor(kubectl(['prod-cp-3'], [], `[ "$1" = ${verb} ] && { echo refused >&2; exit 1; }`))
      await root.run(`${LIB}/join-wanted.sh`)
      expect(left).toEqual([
        { machine: 'prod-cp-3', outcome: 'failed', message: expect.stringMatching(`${words}: refused`) },
      ])
    })

    it('never takes the machine itself out', async () => {
      wanted = { ...wanted, tokens: [], leaving: [{ ...member, name: 'prod-cp-2' }] }
      const root = await actor(kubectl(['prod-cp-2'], ['prod-cp-2']))
      await root.run(`${LIB}/join-wanted.sh`)
      expect(await acts(root)).toEqual([])
      expect(left).toEqual([expect.objectContaining({ outcome: 'failed' })])
    })

    it('asks again while the gateway says so', async () => {
      wanted = { ...wanted, tokens: [], leaving: [worker], againSeconds: 10 }
      const root = await actor(kubectl(['prod-workers-2'], []))
      const run = root.run(`${LIB}/join-wanted.sh`)
      await vi.waitFor(() => expect(left.length).toBeGreaterThan(1), 10_000)
      wanted = { ...wanted, leaving: [], againSeconds: null }
      expect((await run).code).toBe(0)
      expect(await root.calls()).toContain('sleep 10')
    })
  })
})
