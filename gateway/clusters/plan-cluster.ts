import type { MachineRole } from '../../resources/machine.ts'

/** A pool as it should be. */
export interface PoolGoal {
  readonly name: string
  readonly role: MachineRole
  readonly count: number
  /** Of the shape and profile that its machines should be made from. */
  readonly revision: string
}

/** A machine, as far as the plan of its cluster depends on it. */
export interface Member {
  readonly uid: string
  readonly pool: string
  readonly revision: string
  /** False once it is on its way out. */
  readonly wanted: boolean
  readonly ready: boolean
  readonly createdAt: string
}

export type ClusterMove =
  | { readonly move: 'create'; readonly pool: PoolGoal; readonly count: number; readonly cause: string }
  | { readonly move: 'remove'; readonly uid: string; readonly cause: string }

/**
 * The next moves for a cluster's machines; called again whenever one of them has changed.
 *
 * Invariants
 * 1. A pool that is rolled holds at most one machine more than its count, those on their way out included.
 * 2. A ready machine of an old revision goes only while the ready ones that remain are as many as the count.
 * 3. Of a control plane, one machine at a time leaves, and none before the last one is gone, so that etcd keeps its majority.
 */
export function planCluster(pools: readonly PoolGoal[], members: readonly Member[]): ClusterMove[] {
  const known = new Set(pools.map((pool) => pool.name))
  const orphaned = members.filter((member) => member.wanted && !known.has(member.pool))
  return [
    ...orphaned.map((member) => remove(member, `pool ${member.pool} is no longer in the cluster`)),
    ...pools.flatMap((pool) =>
      planPool(
        pool,
        members.filter((member) => member.pool === pool.name),
      ),
    ),
  ]
}

function planPool(pool: PoolGoal, members: readonly Member[]): ClusterMove[] {
  const wanted = members.filter((member) => member.wanted)
  const old = wanted.filter((member) => member.revision !== pool.revision)
  const moves = old.length === 0 ? scale(pool, wanted) : roll(pool, members, wanted, old)
  return pool.role === 'control-plane' ? oneAtATime(moves, members) : moves
}

function scale(pool: PoolGoal, wanted: readonly Member[]): ClusterMove[] {
  const missing = pool.count - wanted.length
  if (missing > 0)
    return [{ move: 'create', pool, count: missing, cause: `the pool has ${wanted.length} of ${pool.count}` }]
  return leastUseful(wanted)
    .slice(0, -missing)
    .map((member) => remove(member, `the pool has ${wanted.length}, ${pool.count} are asked for`))
}

function roll(
  pool: PoolGoal,
  members: readonly Member[],
  wanted: readonly Member[],
  old: readonly Member[],
): ClusterMove[] {
  const current = wanted.filter((member) => member.revision === pool.revision)
  const cause = `revision ${pool.revision} takes the place of an older one`
  const moves: ClusterMove[] = []

  // What isn't ready carries nothing: it goes first, and without a replacement in its place.
  const idle = old.filter((member) => !member.ready)
  const surplus = wanted.length - pool.count
  const ready = wanted.filter((member) => member.ready).length
  const spare = Math.max(0, ready - pool.count)
  const readyOld = leastUseful(old.filter((member) => member.ready))
  for (const member of idle) moves.push(remove(member, cause))
  for (const member of readyOld.slice(0, Math.min(spare, Math.max(0, surplus - idle.length))))
    moves.push(remove(member, cause))

  // Those on their way out still hold their place: the surge counts them (invariant 1).
  const room = pool.count + 1 - members.length
  const missing = pool.count - current.length
  if (room > 0 && missing > 0) moves.push({ move: 'create', pool, count: Math.min(room, missing), cause })
  return moves
}

/** Invariant 3. */
function oneAtATime(moves: readonly ClusterMove[], members: readonly Member[]): ClusterMove[] {
  let leaving = members.some((member) => !member.wanted)
  return moves.filter((move) => {
    if (move.move === 'create') return true
    if (leaving) return false
    leaving = true
    return true
  })
}

/** Those that are not ready first, then the youngest. */
function leastUseful(members: readonly Member[]): Member[] {
  return [...members].sort(
    (a, b) => Number(a.ready) - Number(b.ready) || b.createdAt.localeCompare(a.createdAt) || b.uid.localeCompare(a.uid),
  )
}

function remove(member: Member, cause: string): ClusterMove {
  return { move: 'remove', uid: member.uid, cause }
}
