import { describe, expect, test } from 'vitest'
import { referencesOf } from '../../../broker/references.ts'
import {
  type RoutedCommand,
  type RoutingView,
  routeAll,
  routePuts,
  routeRemoval,
  type Versioned,
} from '../../../broker/routing.ts'
import type { Resource } from '../../../resources/resource.ts'
import { account, cluster, gateway, pool, profile } from './resources.ts'

interface World {
  readonly all: Versioned[]
  readonly view: RoutingView
  /** Notes what was sent, as the store does. */
  sent(commands: readonly RoutedCommand[]): void
}

function world(...resources: Resource[]): World {
  const all: Versioned[] = resources.map((resource) => ({ resource, generation: 1, deleting: null }))
  const held = new Map<string, number>()
  const keyOf = ({ kind, name }: { kind: string; name: string }) => `${kind}/${name}`
  return {
    all,
    view: {
      get: (kind, name) => all.find(({ resource }) => resource.kind === kind && resource.metadata.name === name),
      referrers: (key) =>
        all
          .filter(({ resource }) => referencesOf(resource).some((named) => keyOf(named) === keyOf(key)))
          .map(({ resource }) => ({ kind: resource.kind, name: resource.metadata.name })),
      held: (key, at) => held.get(`${at}:${keyOf(key)}`),
      holders: (key) =>
        [...held.keys()].filter((id) => id.endsWith(`:${keyOf(key)}`)).map((id) => id.split(':')[0] ?? ''),
    },
    sent: (commands) => {
      for (const { gateway: at, command } of commands)
        if (command.type === 'put')
          held.set(`${at}:${command.resource.kind}/${command.resource.metadata.name}`, command.generation)
    },
  }
}

const text = (commands: readonly RoutedCommand[]) =>
  commands.map(({ gateway: at, command }) => {
    const what =
      command.type === 'put'
        ? `${command.resource.kind}/${command.resource.metadata.name}`
        : `${command.kind}/${command.name}`
    return `${at}: ${command.type} ${what} ${command.generation}`
  })

const SITE = [
  gateway('berlin'),
  gateway('paris'),
  account('b', 'berlin'),
  account('p', 'paris'),
  profile('base'),
  profile('spare'),
  pool('static'),
]
const keys = (...resources: Resource[]) => resources.map(({ kind, metadata }) => ({ kind, name: metadata.name }))

describe('puts', () => {
  test('an account goes to its gateway; a gateway itself goes nowhere', () => {
    const { view } = world(...SITE)
    expect(text(routePuts(keys(gateway('berlin'), account('p', 'paris')), view))).toEqual([
      'paris: put CloudAccount/p 1',
    ])
  })

  test('a profile or pool that no cluster uses goes nowhere', () => {
    const { view } = world(...SITE)
    expect(routePuts(keys(profile('base'), pool('static')), view)).toEqual([])
  })

  test("a cluster goes to its account's gateway, behind all that it names", () => {
    const prod = cluster('prod', { account: 'b', profile: 'base', pool: 'static' })
    const { view } = world(...SITE, prod)
    expect(text(routePuts(keys(prod), view))).toEqual([
      'berlin: put CloudAccount/b 1',
      'berlin: put ClusterProfile/base 1',
      'berlin: put IPPool/static 1',
      'berlin: put Cluster/prod 1',
    ])
  })

  test('in whatever order a request has them, nothing comes before what it names, and nothing twice', () => {
    const prod = cluster('prod', { account: 'b', profile: 'base' })
    const { view } = world(...SITE, prod)
    const given = keys(prod, profile('base'), account('b', 'berlin'), gateway('berlin'))
    expect(text(routePuts(given, view))).toEqual([
      'berlin: put CloudAccount/b 1',
      'berlin: put ClusterProfile/base 1',
      'berlin: put Cluster/prod 1',
    ])
  })

  test('what the gateway has already in this generation is not sent before a further cluster', () => {
    const first = cluster('first', { account: 'b', profile: 'base' })
    const second = cluster('second', { account: 'b', profile: 'base' })
    const { view, sent, all } = world(...SITE, first, second)
    sent(routePuts(keys(account('b', 'berlin'), first), view))
    expect(text(routePuts(keys(second), view))).toEqual(['berlin: put Cluster/second 1'])
    const at = all.findIndex(({ resource }) => resource.metadata.name === 'base')
    all[at] = { resource: profile('base', '1.32.0'), generation: 2, deleting: null }
    expect(text(routePuts(keys(second), view))).toEqual([
      'berlin: put ClusterProfile/base 2',
      'berlin: put Cluster/second 1',
    ])
  })

  test('a changed profile goes once to every gateway with a cluster that uses it, and to no other', () => {
    const { view } = world(
      ...SITE,
      gateway('oslo'),
      account('o', 'oslo'),
      cluster('b1', { account: 'b', profile: 'base' }),
      cluster('b2', { account: 'b', profile: 'base' }),
      cluster('p1', { account: 'p', profile: 'base' }),
      cluster('o1', { account: 'o', profile: 'spare' }),
    )
    expect(text(routePuts(keys(profile('base')), view))).toEqual([
      'berlin: put ClusterProfile/base 1',
      'paris: put ClusterProfile/base 1',
    ])
  })
})

describe('removals', () => {
  test('go to whoever was sent the resource', () => {
    const b1 = cluster('b1', { account: 'b', profile: 'base' })
    const p1 = cluster('p1', { account: 'p', profile: 'base' })
    const { view, sent, all } = world(...SITE, b1, p1)
    sent(routePuts(keys(b1, p1), view))
    const find = (name: string) => all.find(({ resource }) => resource.metadata.name === name) as Versioned
    expect(text(routeRemoval(find('base'), 'delete', view))).toEqual([
      'berlin: delete ClusterProfile/base 1',
      'paris: delete ClusterProfile/base 1',
    ])
    expect(text(routeRemoval(find('p1'), 'forget', view))).toEqual(['paris: forget Cluster/p1 1'])
    expect(routeRemoval(find('spare'), 'delete', view)).toEqual([])
  })
})

describe('everything for a gateway that lost what it had', () => {
  test('is its accounts and clusters with what they use, whatever it was sent before; then what is on its way out', () => {
    const keep = cluster('keep', { account: 'b', profile: 'base', pool: 'static' })
    const drop = cluster('drop', { account: 'b', profile: 'spare' })
    const other = cluster('other', { account: 'p', profile: 'base' })
    const { view, sent, all } = world(...SITE, keep, drop, other)
    sent(routePuts(keys(...SITE, keep, drop, other), view))
    const marked = all.map((found) =>
      found.resource.metadata.name === 'drop' ? { ...found, deleting: 'delete' as const } : found,
    )
    expect(text(routeAll('berlin', marked, view))).toEqual([
      'berlin: put CloudAccount/b 1',
      'berlin: put ClusterProfile/base 1',
      'berlin: put IPPool/static 1',
      'berlin: put Cluster/keep 1',
      'berlin: put ClusterProfile/spare 1',
      'berlin: put Cluster/drop 1',
      'berlin: delete Cluster/drop 1',
    ])
  })

  test('clusters go before the account that they are in', () => {
    const going = cluster('going', { account: 'b', profile: 'base' })
    const { view, all } = world(...SITE, going)
    const marked = all.map((found) => ({ ...found, deleting: 'delete' as const }))
    expect(text(routeAll('berlin', marked, view)).slice(-2)).toEqual([
      'berlin: delete Cluster/going 1',
      'berlin: delete CloudAccount/b 1',
    ])
  })
})
