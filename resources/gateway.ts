import { z } from 'zod'
import { API_VERSION, metadataSchema } from './metadata.ts'

/** A site's appliance. Its status is the broker's knowledge of it. */
export const gatewaySchema = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Gateway'),
  metadata: metadataSchema,
  spec: z.strictObject({ description: z.string().max(500).optional() }).default({}),
})

export type Gateway = z.infer<typeof gatewaySchema>

export interface GatewayStatus {
  readonly phase: 'Pending' | 'Connected' | 'Disconnected' | 'Revoked'
  readonly version?: string
  /** HPKE public key, base64: what credentials for this gateway are sealed to. */
  readonly sealingKey?: string
  readonly epoch?: number
  /** ISO 8601. */
  readonly lastSeen?: string
  /** ISO 8601, of the client certificate. */
  readonly certificateEnds?: string
  /** Commands that the gateway has not acknowledged. */
  readonly pendingCommands?: number
}
