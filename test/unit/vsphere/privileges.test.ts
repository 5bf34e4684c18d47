import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { compare, type Subject } from '../../../adapters/vsphere/privilege-check.ts'
import { MINIMAL_ROLE, roleDocument, type Scope } from '../../../adapters/vsphere/privileges.ts'
import { privilegeFindings } from '../../../adapters/vsphere/verify.ts'

const store = (name: string): Subject => ({ scope: 'datastore', name, ref: { type: 'Datastore', value: `ds-${name}` } })
const answer = (name: string, isGranted: boolean) => ({
  entity: { type: 'Datastore', value: `ds-${name}` },
  privAvailability: [{ privId: 'Datastore.AllocateSpace', isGranted }],
})

it('docs/vsphere-role.md is what the privileges say', () => {
  expect(readFileSync(new URL('../../../docs/vsphere-role.md', import.meta.url), 'utf8')).toBe(roleDocument())
})

it('no privilege is asked for twice', () => {
  const all = Object.values(MINIMAL_ROLE).flatMap((privileges) => privileges.map(({ id }) => id))
  expect(new Set(all).size).toBe(all.length)
})

describe('what vCenter says of privileges', () => {
  it('is compared with the role by object', () => {
    const checked = compare([store('a'), store('b')], [answer('a', true), answer('b', false)])
    expect(checked.map(({ name, missing }) => [name, missing])).toEqual([
      ['a', []],
      ['b', ['Datastore.AllocateSpace']],
    ])
  })

  it('counts as missing where it says nothing', () => {
    expect(compare([store('a')], undefined)[0]?.missing).toEqual(['Datastore.AllocateSpace'])
  })
})

describe('findings', () => {
  const rest = (Object.keys(MINIMAL_ROLE) as Scope[])
    .filter((scope) => scope !== 'datastore')
    .map((scope) => ({ scope, name: scope, ref: { type: 'X', value: scope }, missing: [] }))
  const findingsOf = (granted: readonly boolean[]) => {
    const stores = granted.map((isGranted, index) => ({
      ...store(`s${index}`),
      missing: isGranted ? [] : ['Datastore.AllocateSpace'],
    }))
    return privilegeFindings([...rest, ...stores]).filter(({ severity }) => severity !== 'ok')
  }

  it('are none where all is granted', () => {
    expect(findingsOf([true, true])).toEqual([])
  })

  it('are warnings where another object of the kind can be used', () => {
    expect(findingsOf([true, false])).toEqual([
      expect.objectContaining({ severity: 'warning', subject: 'datastore s1', remedy: expect.stringContaining('s1') }),
    ])
  })

  it('are errors, one for each object, where none can be', () => {
    expect(findingsOf([false, false]).map(({ severity, subject }) => `${severity} ${subject}`)).toEqual([
      'error datastore s0',
      'error datastore s1',
    ])
  })
})
