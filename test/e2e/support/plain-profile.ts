/** Machines without Kubernetes. */
export const PLAIN_PROFILE: unknown = {
  apiVersion: 'pcg/v1',
  kind: 'ClusterProfile',
  metadata: { name: 'plain' },
  spec: {
    layers: {
      os: { distribution: 'debian', version: '12' },
      kubernetes: { distribution: 'none', version: '1.31.4' },
    },
  },
}
