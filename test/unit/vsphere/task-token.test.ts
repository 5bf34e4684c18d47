import { expect, it } from 'vitest'
import { formatToken, parseToken } from '../../../adapters/vsphere/task-token.ts'

it('a token says all that is needed to follow its task after a restart', () => {
  const token = { vcenter: 'dbed6e0c-bd88', task: { type: 'Task', value: 'task-12' }, step: 'power-on' } as const
  expect(parseToken(formatToken(token))).toEqual(token)
})

it.each(['', 'task-12', 'clone/uuid', 'clone/uuid/', 'explode/uuid/task-12'])('%j is no token', (token) => {
  expect(parseToken(token)).toBeUndefined()
})
