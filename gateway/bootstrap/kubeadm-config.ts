import type { Cluster } from '../../resources/cluster.ts'
import type { ApiEndpoint } from './api-endpoint.ts'
import type { ClusterSecrets } from './cluster-secrets.ts'

export interface KubeadmInput {
  readonly cluster: Cluster
  readonly endpoint: ApiEndpoint
  /** `1.31.4` */
  readonly version: string
  /** The node's name. */
  readonly name: string
  readonly secrets: ClusterSecrets
}

const CRI_SOCKET = 'unix:///run/containerd/containerd.sock'

/** `kubeadm.k8s.io/v1beta4` exists since 1.31, and v1beta3 goes until then. */
export function kubeadmApi(version: string): string {
  return `kubeadm.k8s.io/${minorOf(version) >= 31 ? 'v1beta4' : 'v1beta3'}`
}

/** Since 1.29 admin.conf has no rights until `kubeadm init` has nearly ended; super-admin.conf has. */
export function initCredentials(version: string): 'super-admin.conf' | 'admin.conf' {
  return minorOf(version) >= 29 ? 'super-admin.conf' : 'admin.conf'
}

/** For the machine that makes the cluster. */
export function initConfig({ cluster, endpoint, version, name, secrets }: KubeadmInput): string {
  const { podCidr, serviceCidr } = cluster.spec.network
  const api = kubeadmApi(version)
  return `apiVersion: ${api}
kind: InitConfiguration
bootstrapTokens:
  - token: ${newestToken(secrets)}
    ttl: 2h0m0s
certificateKey: ${secrets.certificateKey}
localAPIEndpoint:
  bindPort: ${endpoint.bindPort}
nodeRegistration:
  name: ${name}
  criSocket: ${CRI_SOCKET}
---
apiVersion: ${api}
kind: ClusterConfiguration
clusterName: ${cluster.metadata.name}
kubernetesVersion: v${version}
controlPlaneEndpoint: ${JSON.stringify(hostAndPort(endpoint))}
${certificateNames(endpoint)}networking:
  podSubnet: ${podCidr}
  serviceSubnet: ${serviceCidr}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: systemd
`
}

/** For every other machine; `controlPlane` says whether it becomes part of the control plane. */
export function joinConfig({ endpoint, version, name, secrets }: KubeadmInput, controlPlane: boolean): string {
  const head = `apiVersion: ${kubeadmApi(version)}
kind: JoinConfiguration
discovery:
  bootstrapToken:
    apiServerEndpoint: ${JSON.stringify(hostAndPort(endpoint))}
    token: ${newestToken(secrets)}
    caCertHashes:
      - ${secrets.authority.hash}
nodeRegistration:
  name: ${name}
  criSocket: ${CRI_SOCKET}
`
  if (!controlPlane) return head
  return `${head}controlPlane:
  localAPIEndpoint:
    bindPort: ${endpoint.bindPort}
  certificateKey: ${secrets.certificateKey}
`
}

function hostAndPort({ address, port }: ApiEndpoint): string {
  return `${address}:${port}`
}

/** kubeadm itself puts the endpoint's address into the API server's certificate, and not the one that leads there inside. */
function certificateNames({ address, virtualIp }: ApiEndpoint): string {
  if (virtualIp === null || virtualIp === address) return ''
  return `apiServer:
  certSANs: ${JSON.stringify([address, virtualIp])}
`
}

function newestToken(secrets: ClusterSecrets): string {
  const token = secrets.joinTokens.at(-1)?.token
  if (token === undefined) throw new Error('the cluster secrets have no join token')
  return token
}

function minorOf(version: string): number {
  return Number(version.split('.')[1])
}
