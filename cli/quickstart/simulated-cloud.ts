import type { Credentials } from '../../resources/sealing.ts'

/** A cloud on this machine that `pcg quickstart` started for itself. */
export interface SimulatedCloud {
  /** For people: `vCenter: vcsim on 127.0.0.1:8989`. */
  readonly what: string
  /** What the spec of the example's account says otherwise. */
  readonly access: object
  readonly credentials: Credentials
  close(): Promise<void>
}
