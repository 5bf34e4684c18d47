import { memberOf } from '../clusters/member.ts'
import { type ClusterMove, type Member, type PoolGoal, planCluster } from '../clusters/plan-cluster.ts'
import type { MachineRecord } from '../machines/machine-record.ts'

/** Everything that will come of a cluster's pools, also what comes only when something else is done. */
export interface Foreseen {
  readonly replaced: readonly { readonly machine: MachineRecord; readonly pool: PoolGoal }[]
  readonly removed: readonly { readonly machine: MachineRecord; readonly cause: string }[]
  readonly created: readonly (ClusterMove & { readonly move: 'create' })[]
}

/** Plans on as if every machine that is made got ready at once, and every one that is removed were gone. */
export function foresee(pools: readonly PoolGoal[], machines: readonly MachineRecord[]): Foreseen {
  const byUid = new Map(machines.map((machine) => [machine.uid, machine]))
  let members = machines.map(memberOf)
  const removed: { machine: MachineRecord; cause: string; pool: PoolGoal | undefined }[] = []
  const counts = new Map<PoolGoal, { count: number; cause: string }>()
  for (let moves = planCluster(pools, members); moves.length > 0; moves = planCluster(pools, members)) {
    for (const move of moves) {
      if (move.move === 'remove') {
        const machine = byUid.get(move.uid)
        const pool = pools.find((goal) => goal.name === machine?.pool && goal.revision !== machine.revision)
        if (machine !== undefined) removed.push({ machine, cause: move.cause, pool })
        members = members.filter((member) => member.uid !== move.uid)
      } else {
        const before = counts.get(move.pool)
        counts.set(move.pool, { count: (before?.count ?? 0) + move.count, cause: before?.cause ?? move.cause })
        members = [
          ...members,
          ...Array.from({ length: move.count }, (_, index) => madeFor(move.pool, members.length + index)),
        ]
      }
    }
    members = members.filter((member) => member.wanted)
  }
  const replaced: { machine: MachineRecord; pool: PoolGoal }[] = []
  const gone: { machine: MachineRecord; cause: string }[] = []
  for (const { machine, cause, pool } of removed) {
    const made = pool === undefined ? undefined : counts.get(pool)
    if (pool === undefined || made === undefined || made.count === 0) {
      gone.push({ machine, cause })
      continue
    }
    made.count--
    replaced.push({ machine, pool })
  }
  const created = [...counts].flatMap(([pool, { count, cause }]) =>
    count === 0 ? [] : [{ move: 'create' as const, pool, count, cause }],
  )
  return { replaced, removed: gone, created }
}

function madeFor(pool: PoolGoal, number: number): Member {
  return {
    uid: `foreseen-${number}`,
    pool: pool.name,
    revision: pool.revision,
    wanted: true,
    ready: true,
    createdAt: '',
  }
}
