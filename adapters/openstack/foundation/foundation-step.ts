/** The steps that make, mend and undo what the machines of a cluster share. */
import type { Step } from '../../adapter.ts'
import type { FoundationKind, SecurityPart } from './foundation-observed.ts'

/** What it is about is found by the foundation's mark. */
interface CommonStep extends Step {
  readonly kind:
    | 'create-network'
    | 'create-subnet'
    | 'update-subnet'
    | 'create-router'
    | 'connect-router'
    | 'create-vip-port'
    | 'update-vip-port'
    | 'create-load-balancer'
    | 'await-load-balancer'
    | 'create-listener'
    | 'create-pool'
    | 'create-health-monitor'
    | 'create-floating-ip'
    | 'associate-floating-ip'
}

interface GroupStep extends Step {
  readonly kind: 'create-security-group' | 'update-rules'
  readonly part: SecurityPart
}

interface PoolStep extends Step {
  readonly kind: 'create-server-group'
  readonly pool: string
}

interface MendingStep extends Step {
  readonly kind: 'disconnect-router' | 'update-listener' | 'delete-listener' | 'disassociate-floating-ip'
  readonly id: string
}

interface DeleteStep extends Step {
  readonly kind: 'delete'
  readonly object: FoundationKind
  readonly id: string
}

export type FoundationStep = CommonStep | GroupStep | PoolStep | MendingStep | DeleteStep

/** Whether they are about the same thing, whatever they say of it. */
export function sameStep(one: FoundationStep, other: FoundationStep): boolean {
  return identity(one) === identity(other)
}

function identity(step: FoundationStep): string {
  const { summary: _summary, creates: _creates, ...rest } = step
  return JSON.stringify(Object.entries(rest).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

export function deletion(object: FoundationKind, id: string, summary: string): FoundationStep {
  return { kind: 'delete', object, id, summary, creates: [] }
}
