import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadContext } from '../../../cli/config.ts'
import type { Host } from '../../../cli/host.ts'
import { testHost } from './test-host.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pcg-config-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function host(env: Record<string, string> = {}): Host {
  return { ...testHost({ env }), cwd: join(folder, 'cwd'), home: join(folder, 'home') }
}

async function file(path: string, text: string, mode = 0o600): Promise<string> {
  const full = join(folder, path)
  await mkdir(join(full, '..'), { recursive: true })
  await writeFile(full, text)
  await chmod(full, mode)
  return full
}

const context = (name: string): string => `server: https://${name}.example:8443\napiKey: key-${name}\ntenant: ${name}\n`

describe('the context', () => {
  it('is the first there is of PCG_CONFIG, ./.pcg/config.yaml and ~/.config/pcg/config.yaml', async () => {
    await file('home/.config/pcg/config.yaml', context('home'))
    expect((await loadContext(host(), {})).tenant).toBe('home')
    await file('cwd/.pcg/config.yaml', context('cwd'))
    expect((await loadContext(host(), {})).tenant).toBe('cwd')
    const named = await file('named.yaml', context('env'))
    expect((await loadContext(host({ PCG_CONFIG: named }), {})).tenant).toBe('env')
    const other = await file('other.yaml', context('flag'))
    expect((await loadContext(host({ PCG_CONFIG: named }), { config: other })).tenant).toBe('flag')
  })

  it("may be a broker's admin.json", async () => {
    const json = { server: 'https://b.example', authority: 'PEM', apiKey: 'k', tenant: 'default' }
    const named = await file('admin.json', JSON.stringify(json))
    expect(await loadContext(host(), { config: named })).toEqual({
      ...json,
      source: named,
      authoritySource: named,
      keySource: named,
    })
  })

  it('is overridden by flags, or made of them alone', async () => {
    const key = await file('key', 'secret\n')
    const flags = { server: 'https://x.example/', apiKeyFile: key }
    expect(await loadContext(host(), flags)).toMatchObject({
      server: 'https://x.example',
      apiKey: 'secret',
      tenant: 'default',
    })
    await file('cwd/.pcg/config.yaml', context('cwd'))
    expect(await loadContext(host(), { tenant: 'other' })).toMatchObject({ apiKey: 'key-cwd', tenant: 'other' })
  })

  it('takes an authority only from a file that has one', async () => {
    await file('cwd/.pcg/config.yaml', context('cwd'))
    const authority = await file('authority.pem', 'hello')
    await expect(loadContext(host(), { authority })).rejects.toMatchObject({
      code: 'invalid',
      subject: authority,
      message: expect.stringContaining('has no certificate'),
    })
  })

  it.each([0o644, 0o640, 0o604])('is refused when others may read it (%o)', async (mode) => {
    await file('cwd/.pcg/config.yaml', context('cwd'), mode)
    await expect(loadContext(host(), {})).rejects.toMatchObject({
      code: 'denied',
      remedy: expect.stringContaining('chmod 600'),
    })
  })

  it.each([
    ['server: https://b.example\n', 'is no context'],
    ['[', 'is not valid YAML'],
    ['server: http://b.example\napiKey: k\n', 'must be like https://'],
    ['server: b.example:8443\napiKey: k\n', 'must be like https://'],
  ])('%j is refused', async (text, words) => {
    await file('cwd/.pcg/config.yaml', text)
    await expect(loadContext(host(), {})).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(words),
    })
  })

  it('says where it looked, and how to get one', async () => {
    await expect(loadContext(host(), {})).rejects.toMatchObject({
      code: 'invalid',
      details: [{ subject: join(folder, 'cwd/.pcg/config.yaml') }, {}, { subject: 'PCG_CONFIG' }],
      remedy: expect.stringContaining('pcg quickstart'),
    })
    await expect(loadContext(host({ PCG_CONFIG: 'nowhere' }), {})).rejects.toMatchObject({
      subject: join(folder, 'cwd/nowhere'),
    })
  })
})
