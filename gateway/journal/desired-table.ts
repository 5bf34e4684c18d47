/**
 * The desired state that the broker sent: the newest generation of each resource, in memory and on disk.
 *
 * Invariants
 * 1. A command changes this table and nothing else (the reconcilers do the rest).
 * 2. A generation never goes back: an older command that comes late changes nothing.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Command } from '../../resources/command.ts'
import type { Kind, Resource, ResourceOf } from '../../resources/resource.ts'

export interface Desired<R extends Resource = Resource> {
  readonly resource: R
  readonly generation: number
  /** `forgotten`: to be dropped without a call to any cloud, and what it leaves reported. */
  readonly want: 'present' | 'absent' | 'forgotten'
}

/** What a command did. `unknown` is a delete of something that isn't here. */
export interface Accepted {
  readonly result: 'changed' | 'stale' | 'unknown'
  readonly kind: Kind
  readonly name: string
}

export class DesiredTable {
  readonly #all = new Map<string, Desired>()
  readonly #upsert: StatementSync
  readonly #delete: StatementSync

  constructor(db: DatabaseSync) {
    this.#upsert = db.prepare(
      'INSERT INTO desired (kind, name, generation, want, resource) VALUES (?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET generation = excluded.generation, want = excluded.want, resource = excluded.resource',
    )
    this.#delete = db.prepare('DELETE FROM desired WHERE kind = ? AND name = ?')
    for (const row of db.prepare('SELECT kind, name, generation, want, resource FROM desired').all())
      this.#all.set(key(String(row.kind), String(row.name)), {
        resource: JSON.parse(String(row.resource)),
        generation: Number(row.generation),
        want: row.want as Desired['want'],
      })
  }

  get<K extends Kind>(kind: K, name: string): Desired<ResourceOf<K>> | undefined {
    return this.#all.get(key(kind, name)) as Desired<ResourceOf<K>> | undefined
  }

  all<K extends Kind>(kind: K): Desired<ResourceOf<K>>[] {
    return [...this.#all.values()].filter(
      (desired): desired is Desired<ResourceOf<K>> => desired.resource.kind === kind,
    )
  }

  /** Applies a command within the running transaction. */
  apply(command: Command): Accepted {
    switch (command.type) {
      case 'put': {
        const { kind, metadata } = command.resource
        const old = this.#all.get(key(kind, metadata.name))
        if (old !== undefined && old.generation >= command.generation)
          return { result: 'stale', kind, name: metadata.name }
        this.#store({ resource: command.resource, generation: command.generation, want: 'present' })
        return { result: 'changed', kind, name: metadata.name }
      }
      case 'delete':
      case 'forget': {
        const { kind, name } = command
        const old = this.#all.get(key(kind, name))
        if (old === undefined) return { result: 'unknown', kind, name }
        if (old.generation > command.generation) return { result: 'stale', kind, name }
        this.#store({
          resource: old.resource,
          generation: command.generation,
          want: command.type === 'delete' ? 'absent' : 'forgotten',
        })
        return { result: 'changed', kind, name }
      }
      default:
        return command satisfies never
    }
  }

  /** Forgets the resource within the running transaction. */
  remove(kind: Kind, name: string): void {
    this.#delete.run(kind, name)
    this.#all.delete(key(kind, name))
  }

  #store(desired: Desired): void {
    const { kind, metadata } = desired.resource
    this.#upsert.run(kind, metadata.name, desired.generation, desired.want, JSON.stringify(desired.resource))
    this.#all.set(key(kind, metadata.name), desired)
  }
}

function key(kind: string, name: string): string {
  return `${kind}/${name}`
}
