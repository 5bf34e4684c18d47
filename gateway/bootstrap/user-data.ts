import type { Cluster } from '../../resources/cluster.ts'
import type { ProfileLayers } from '../../resources/cluster-profile.ts'
import type { MachineRole } from '../../resources/machine.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { ApiEndpoint } from './api-endpoint.ts'
import { type CloudFile, renderCloudConfig } from './cloud-config.ts'
import type { ClusterSecrets } from './cluster-secrets.ts'
import { kubeVipFiles } from './kube-vip.ts'
import { initConfig, initCredentials, joinConfig, kubeadmApi } from './kubeadm-config.ts'
import { machineUrl } from './machine-url.ts'
import { manifestFiles } from './manifests.ts'
import {
  BOOTSTRAP_SCRIPT,
  JOIN_WANTED_SCRIPT,
  JOIN_WANTED_UNITS,
  KUBERNETES_SCRIPT,
  LEAVE_SCRIPT,
  REPORT_SCRIPT,
  REPORT_UNIT,
} from './scripts.ts'

/** What guestinfo takes, less what base64 adds to it. */
const MAX_BYTES = 48_000

export interface BootstrapInput {
  readonly cluster: Cluster
  readonly endpoint: ApiEndpoint
  readonly layers: ProfileLayers
  readonly machine: {
    readonly uid: string
    readonly name: string
    readonly role: MachineRole
    /** Whether it makes the cluster, which the others join. */
    readonly initialises: boolean
  }
  readonly secrets: ClusterSecrets
  /** The server's URL and authority, and the machine's own token. */
  readonly phoneHome: { readonly url: string; readonly authority: string; readonly token: string }
}

/**
 * The cloud-config by which a machine becomes a member of its cluster and phones home. Secret. Pure.
 * Throws `invalid` when the profile's manifests make it larger than a cloud takes.
 */
export function renderUserData(input: BootstrapInput): string {
  const { layers, machine } = input
  const files = [...machineFiles(input), ...(layers.kubernetes.distribution === 'none' ? [] : kubernetesFiles(input))]
  const userData = renderCloudConfig({
    hostname: machine.name,
    sshAuthorizedKeys: layers.os.sshAuthorizedKeys,
    packages: layers.os.packages,
    files,
    commands: [['systemctl', 'daemon-reload'], ['systemctl', 'enable', 'pcg-report.service'], [BOOTSTRAP_SCRIPT.path]],
  })
  const bytes = Buffer.byteLength(userData)
  if (bytes > MAX_BYTES)
    throw new PcgError('invalid', `the user-data of ${machine.name} has ${bytes} bytes, and ${MAX_BYTES} fit`, {
      subject: `ClusterProfile ${input.cluster.spec.profile}`,
      remedy: 'Give the largest layers a manifestUrl instead of a manifest.',
    })
  return userData
}

/** What every machine has. phone-home.json stands first: whoever plays the guest looks for it. */
function machineFiles({ layers, machine, phoneHome }: BootstrapInput): CloudFile[] {
  const url = machineUrl(phoneHome.url, machine.uid)
  const { token, authority } = phoneHome
  const authorityPath = '/etc/pcg/phone-home-authority.pem'
  return [
    { path: '/etc/pcg/phone-home.json', mode: '0600', content: `${JSON.stringify({ url, token, authority })}\n` },
    {
      path: '/etc/pcg/phone-home.curl',
      mode: '0600',
      content: `header = "Authorization: Bearer ${token}"\ncacert = "${authorityPath}"\n`,
    },
    { path: authorityPath, mode: '0644', content: authority },
    { path: '/etc/pcg/machine.env', mode: '0600', content: environment(layers, machine, url) },
    REPORT_SCRIPT,
    REPORT_UNIT,
    BOOTSTRAP_SCRIPT,
  ]
}

/** What the scripts must know, as a shell reads it. */
function environment(layers: ProfileLayers, machine: BootstrapInput['machine'], url: string): string {
  const { version } = layers.kubernetes
  const values = {
    PHONE_HOME_URL: url,
    MACHINE_NAME: machine.name,
    ROLE: machine.initialises ? 'init' : machine.role,
    KUBERNETES_VERSION: version,
    KUBEADM_API: kubeadmApi(version),
    INIT_CREDENTIALS: initCredentials(version),
  }
  return Object.entries(values)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join('')
}

function kubernetesFiles(input: BootstrapInput): CloudFile[] {
  const { machine } = input
  return [
    { path: '/etc/modules-load.d/pcg.conf', mode: '0644', content: 'overlay\nbr_netfilter\n' },
    {
      path: '/etc/sysctl.d/99-pcg.conf',
      mode: '0644',
      content:
        'net.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 1\nnet.ipv4.ip_forward = 1\n',
    },
    KUBERNETES_SCRIPT,
    { path: '/etc/pcg/kubeadm.yaml', mode: '0600', content: kubeadmConfig(input) },
    ...(machine.role === 'control-plane' ? controlPlaneFiles(input) : []),
    ...(machine.initialises ? initialFiles(input) : []),
  ]
}

function kubeadmConfig({ cluster, endpoint, layers, machine, secrets }: BootstrapInput): string {
  const config = { cluster, endpoint, version: layers.kubernetes.version, name: machine.name, secrets }
  return machine.initialises ? initConfig(config) : joinConfig(config, machine.role === 'control-plane')
}

function controlPlaneFiles({ endpoint: { virtualIp, port } }: BootstrapInput): CloudFile[] {
  return [
    ...(virtualIp === null ? [] : kubeVipFiles({ address: virtualIp, port })),
    JOIN_WANTED_SCRIPT,
    LEAVE_SCRIPT,
    ...JOIN_WANTED_UNITS,
  ]
}

/** kubeadm takes an authority that stands there already for its own. */
function initialFiles({ layers, secrets }: BootstrapInput): CloudFile[] {
  return [
    { path: '/etc/kubernetes/pki/ca.crt', mode: '0644', content: secrets.authority.certificate },
    { path: '/etc/kubernetes/pki/ca.key', mode: '0600', content: secrets.authority.key },
    ...manifestFiles(layers),
  ]
}
