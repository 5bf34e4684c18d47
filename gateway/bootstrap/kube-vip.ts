import type { CloudFile } from './cloud-config.ts'

const IMAGE = 'ghcr.io/kube-vip/kube-vip:v0.8.7'
const HOSTS_PATH = '/etc/pcg/kube-vip.hosts'

/**
 * What a control-plane machine needs to hold the virtual IP: kube-vip's static pod, which the machine puts into kubelet's folder
 * when its credentials are there, and the hosts file by which the pod finds its own machine's API server. (`hostAliases` of
 * static pods don't work in some releases of 1.28 to 1.30: kube-vip issue 692.)
 */
export function kubeVipFiles(endpoint: { readonly address: string; readonly port: number }): CloudFile[] {
  return [
    { path: '/etc/pcg/kube-vip.yaml', mode: '0600', content: kubeVipManifest(endpoint) },
    { path: HOSTS_PATH, mode: '0644', content: '127.0.0.1 localhost kubernetes\n' },
  ]
}

/** One of the pods leads, by a lease in the cluster, and answers ARP for the address, on the interface with the default route. */
function kubeVipManifest(endpoint: { readonly address: string; readonly port: number }): string {
  const environment = {
    address: endpoint.address,
    port: String(endpoint.port),
    vip_arp: 'true',
    vip_subnet: '32',
    cp_enable: 'true',
    cp_namespace: 'kube-system',
    vip_leaderelection: 'true',
    vip_leasename: 'plndr-cp-lock',
    vip_leaseduration: '15',
    vip_renewdeadline: '10',
    vip_retryperiod: '2',
  }
  const variables = Object.entries(environment)
    .map(([name, value]) => `        - name: ${name}\n          value: "${value}"\n`)
    .join('')
  return `apiVersion: v1
kind: Pod
metadata:
  name: kube-vip
  namespace: kube-system
spec:
  hostNetwork: true
  priorityClassName: system-node-critical
  containers:
    - name: kube-vip
      image: ${IMAGE}
      imagePullPolicy: IfNotPresent
      args: [manager]
      env:
${variables}        - name: vip_nodename
          valueFrom:
            fieldRef:
              fieldPath: spec.nodeName
      securityContext:
        capabilities:
          add: [NET_ADMIN, NET_RAW]
      volumeMounts:
        - name: kubeconfig
          mountPath: /etc/kubernetes/admin.conf
        - name: hosts
          mountPath: /etc/hosts
  volumes:
    - name: kubeconfig
      hostPath:
        path: /etc/kubernetes/admin.conf
        type: File
    - name: hosts
      hostPath:
        path: ${HOSTS_PATH}
        type: File
`
}
