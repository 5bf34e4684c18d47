const IMAGE = 'ghcr.io/kube-vip/kube-vip:v0.8.7'

/**
 * The static pod by which the control plane's machines hold the virtual IP: one leads (by a lease in the cluster) and
 * answers ARP for it. The interface is left out, so that it takes the one with the default route.
 */
export function kubeVipManifest(endpoint: { readonly address: string; readonly port: number }): string {
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
  hostAliases:
    - ip: 127.0.0.1
      hostnames: [kubernetes]
  containers:
    - name: kube-vip
      image: ${IMAGE}
      imagePullPolicy: IfNotPresent
      args: [manager]
      env:
${variables}      securityContext:
        capabilities:
          add: [NET_ADMIN, NET_RAW]
      volumeMounts:
        - name: kubeconfig
          mountPath: /etc/kubernetes/admin.conf
  volumes:
    - name: kubeconfig
      hostPath:
        path: /etc/kubernetes/admin.conf
        type: File
`
}
