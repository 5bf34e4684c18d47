import { describe, expect, it } from 'vitest'
import { decode, flag, list, number, ref, text } from '../../../adapters/vsphere/soap-value.ts'

describe('a value of any type', () => {
  it.each([
    ['xsd:int', '7', 7],
    ['xsd:boolean', 'false', false],
    ['xsd:string', '7', '7'],
    ['VirtualMachinePowerState', 'poweredOn', 'poweredOn'],
  ])('%s %s', (type, value, expected) => {
    expect(decode({ attributes: { 'xsi:type': type }, $value: value })).toBe(expected)
  })

  it('is an empty text, and not nothing, where it is said to be text', () => {
    expect(decode({ attributes: { 'xsi:type': 'xsd:string' } })).toBe('')
  })

  it('is a list of what an array holds: none, one or many', () => {
    const array = (items?: unknown) =>
      decode({ attributes: { 'xsi:type': 'ArrayOfString' }, ...(items ? { string: items } : {}) })
    expect([array(), array('a'), array(['a', 'b'])]).toEqual([[], ['a'], ['a', 'b']])
  })

  it('is a reference where it names a type of object', () => {
    const value = { attributes: { type: 'VirtualMachine', 'xsi:type': 'ManagedObjectReference' }, $value: 'vm-7' }
    expect(decode(value)).toEqual({ type: 'VirtualMachine', value: 'vm-7' })
  })

  it('keeps the type of an object beside its fields', () => {
    const value = { attributes: { 'xsi:type': 'vim25:VirtualDisk' }, key: 2000, backing: { fileName: 'x' } }
    expect(decode(value)).toEqual({ xsiType: 'VirtualDisk', key: 2000, backing: { fileName: 'x' } })
  })
})

describe('a reader', () => {
  it('gives undefined for what is not of its kind, however deep', () => {
    expect(text({ a: { b: 1 } }, 'a', 'b')).toBe('1')
    expect([text({ a: {} }, 'a', 'b', 'c'), number('x'), flag('yes'), ref({ type: 'T' })]).toEqual(
      Array(4).fill(undefined),
    )
    expect([list(undefined), list('a'), list({ a: ['b'] }, 'a')]).toEqual([[], ['a'], ['b']])
  })
})
