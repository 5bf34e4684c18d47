import { z } from 'zod'
import { API_VERSION, metadataSchema } from './metadata.ts'

const manifestLayer = z.strictObject({
  name: z.string().min(1).max(60),
  version: z.string().min(1).max(40),
  /** Kubernetes manifests (YAML), applied by the first control-plane machine. */
  manifest: z.string().max(200_000).optional(),
  /** Where to fetch them instead. */
  manifestUrl: z.url().optional(),
})

const osLayer = z.strictObject({
  distribution: z.string().min(1).max(40),
  version: z.string().min(1).max(40),
  sshAuthorizedKeys: z
    .array(z.string().regex(/^(ssh-|ecdsa-|sk-)/, 'must be an OpenSSH public key'))
    .max(20)
    .default([]),
  packages: z
    .array(z.string().regex(/^[a-z0-9][-+.a-z0-9]*$/))
    .max(100)
    .default([]),
})

const kubernetesLayer = z.strictObject({
  distribution: z.enum(['kubeadm', 'none']).default('kubeadm'),
  version: z.string().regex(/^\d+\.\d+\.\d+$/, 'must be like 1.31.4'),
})

/** What runs on a cluster's machines: layers, each with a version. A change rolls through every cluster that uses it. */
export const clusterProfileSchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('ClusterProfile'),
  metadata: metadataSchema,
  spec: z.strictObject({
    layers: z.strictObject({
      os: osLayer,
      kubernetes: kubernetesLayer,
      cni: manifestLayer.optional(),
      csi: manifestLayer.optional(),
      addons: z.array(manifestLayer).max(50).default([]),
    }),
  }),
})

export type ClusterProfile = z.infer<typeof clusterProfileSchema>
export type ProfileLayers = ClusterProfile['spec']['layers']
