import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { prepareFolder, writeContext } from '../../../cli/quickstart/state-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pcg-state-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe("quickstart's folder", () => {
  it('is made for its owner only', async () => {
    const path = join(folder, 'new/state')
    expect(await prepareFolder(path)).toBe(false)
    expect((await stat(path)).mode & 0o777).toBe(0o700)
  })

  it('is emptied of an earlier run, and of nothing else', async () => {
    await prepareFolder(folder)
    await mkdir(join(folder, 'broker'))
    await writeFile(join(folder, 'notes.txt'), 'mine')
    expect(await prepareFolder(folder)).toBe(true)
    await expect(stat(join(folder, 'broker'))).rejects.toThrow()
    expect(await readFile(join(folder, 'notes.txt'), 'utf8')).toBe('mine')
  })

  it('is refused where its state is not from a quickstart', async () => {
    await mkdir(join(folder, 'broker'))
    await expect(prepareFolder(folder)).rejects.toMatchObject({ code: 'conflict' })
    expect((await stat(join(folder, 'broker'))).isDirectory()).toBe(true)
  })

  it('is not refused for the process id of something else', async () => {
    await writeFile(join(folder, 'quickstart.pid'), '1\n')
    expect(await prepareFolder(folder)).toBe(true)
  })
})

describe('its context', () => {
  it('replaces its own, and keeps that of somebody else aside', async () => {
    const path = join(folder, '.pcg/config.yaml')
    expect(await writeContext(path, 'server: a\n')).toBeUndefined()
    expect(await writeContext(path, 'server: b\n')).toBeUndefined()
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    await writeFile(path, 'server: mine\n')
    const aside = await writeContext(path, 'server: c\n')
    expect(await readFile(aside ?? '', 'utf8')).toBe('server: mine\n')
    expect(await readFile(path, 'utf8')).toContain('server: c')
  })
})
