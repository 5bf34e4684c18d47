import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { completionScript } from '../../../cli/completion/scripts.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'
import { clusterItem } from './samples.ts'
import { pcg } from './test-host.ts'

let broker: FakeBroker
beforeEach(async () => {
  broker = await startFakeBroker()
  broker.on('GET /v1/clusters', { json: { items: [clusterItem(), clusterItem({ name: 'dev' })] } })
})
afterEach(() => broker.close())

async function offered(...words: string[]): Promise<string[]> {
  const { code, stdout, stderr } = await pcg(['__complete', '--', ...words], { cwd: broker.cwd })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.split('\n').filter((line) => line !== '')
}

describe('completion', () => {
  it('offers commands, and only those that are meant for people', async () => {
    expect(await offered('de')).toEqual(['delete', 'describe'])
    expect(await offered('')).not.toContain('__complete')
    expect(await offered('keys', '')).toEqual(expect.arrayContaining(['create', 'list', 'delete']))
  })

  it('offers kinds, then the names that the broker has', async () => {
    expect(await offered('get', 'c')).toEqual(['clusters'])
    expect(await offered('get', 'clusters', '')).toEqual(['demo', 'dev'])
    expect(await offered('describe', '-o', 'yaml', 'cluster', 'dem')).toEqual(['demo'])
    expect(await offered('watch', 'de')).toEqual(['demo', 'dev'])
  })

  it('offers options and their values', async () => {
    expect(await offered('apply', '--d')).toEqual(['--dry-run'])
    expect(await offered('get', 'clusters', '--output', '')).toEqual(['table', 'json', 'yaml'])
    expect(await offered('get', 'machines', '--cluster', '')).toEqual(['demo', 'dev'])
    expect(await offered('completion', '')).toEqual(['bash', 'zsh'])
    expect(await offered('version', '--s')).toEqual([])
    expect(await offered('apply', '-f', '')).toEqual([':files'])
  })

  it('offers nothing, and says nothing, where the broker is away or the line makes no sense', async () => {
    await broker.close()
    expect(await offered('get', 'clusters', '')).toEqual([])
    expect(await offered('get', 'nothing', '')).toEqual([])
    expect(await offered('nonsense', 'more', '')).toEqual([])
    broker = await startFakeBroker()
  })

  it('works in bash', () => {
    const script = `
      pcg() { [ "$1 $2 $3 $4" = '__complete -- get c' ] && printf 'clusters\\n'; }
      ${completionScript('bash')}
      COMP_WORDS=(pcg get c) COMP_CWORD=2
      _pcg
      printf '%s' "\${COMPREPLY[*]}"`
    expect(execFileSync('bash', ['-c', script], { encoding: 'utf8' })).toBe('clusters')
  })
})
