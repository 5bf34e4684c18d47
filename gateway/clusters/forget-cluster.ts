import type { ClusterFoundations } from '../foundations/cluster-foundations.ts'
import type { Journal } from '../journal/journal.ts'
import type { MachineChanges } from '../machines/machine-changes.ts'

export interface ForgetParts {
  readonly journal: Journal
  readonly machines: MachineChanges
  readonly foundations: ClusterFoundations
}

/** Gives up on a cluster: no cloud is called, and whatever the ledger still holds is reported as left. */
export async function forgetCluster(
  name: string,
  { journal, machines: changes, foundations }: ForgetParts,
): Promise<void> {
  const machines = journal.machines.ofCluster(name)
  const foundation = foundations.of(name)
  const left = [...machines, ...(foundation === undefined ? [] : [foundation])].flatMap(({ uid }) =>
    journal.ledger
      .of(uid)
      .map((row) => `${row.kind} ${row.name}${row.externalId === null ? '' : ` (${row.externalId})`}`),
  )
  await Promise.all(
    machines.map((machine) =>
      changes.remove(
        machine,
        journal.ledger.of(machine.uid).map((row) => `${row.kind} ${row.name}`),
      ),
    ),
  )
  if (foundation !== undefined) await foundations.forget(foundation)
  const write = journal.clusters.remove(name)
  await journal.write(() => {
    write()
    journal.desired.remove('Cluster', name)
  }, [
    ...(left.length === 0
      ? []
      : [
          {
            type: 'event',
            kind: 'Cluster',
            name,
            severity: 'warning',
            reason: 'Forgotten',
            message: `forgotten on request; left in the cloud: ${left.join(', ')}`,
          } as const,
        ]),
    { type: 'gone', kind: 'Cluster', name, left },
  ])
}
