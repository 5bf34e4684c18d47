import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { changeOutside, type SandboxControl, serveControl } from '../../../adapters/sandbox/control.ts'
import { drive } from '../../contract/drive.ts'
import { CONTEXT, machine, sandbox } from './fixtures.ts'

const made = machine({ name: 'prod-workers-1' })
let folder: string
let socket: string
let control: SandboxControl
let site: ReturnType<typeof sandbox>

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'control-'))
  socket = join(folder, 'sandbox.sock')
  site = sandbox()
  control = await serveControl(site.cloud, socket)
  await drive(site.adapter, made, CONTEXT.signal)
})
afterEach(async () => {
  await control.close()
  await site.cloud.close()
  await rm(folder, { recursive: true })
})

const observe = () => site.adapter.observe(made, CONTEXT)

describe('a sandbox that is changed from outside of its process', () => {
  it('powers a machine off', async () => {
    await changeOutside(socket, 'power-off prod-workers-1')
    expect(await observe()).toMatchObject({ power: 'off' })
  })

  it('gives it other CPUs, found by its uid', async () => {
    await changeOutside(socket, `resize ${made.owner.machine} 7`)
    expect(await observe()).toMatchObject({ cpus: 7 })
  })

  it('loses it', async () => {
    await changeOutside(socket, 'remove vm-1')
    expect(await observe()).toBeNull()
  })

  it.each([
    ['power-off nobody', 'the sandbox has no machine "nobody"'],
    ['explode prod-workers-1', 'the sandbox cannot "explode"'],
    ['resize prod-workers-1 many', '"many" is no number of CPUs'],
    ['', 'the sandbox has no machine ""'],
  ])('refuses "%s" in words', async (line, message) => {
    await expect(changeOutside(socket, line)).rejects.toMatchObject({ message, remedy: expect.stringContaining('Say') })
    expect(await observe()).toMatchObject({ power: 'on', cpus: 2 })
  })

  it('takes its socket back after it was killed, and lets nobody else use it', async () => {
    const again = await serveControl(site.cloud, socket)
    await changeOutside(socket, 'power-off prod-workers-1')
    expect((await stat(socket)).mode & 0o077).toBe(0)
    await again.close()
  })

  it('can be reached in a folder whose path is too long for a socket, and leaves nothing there', async () => {
    const deep = join(folder, 'd'.repeat(120))
    await mkdir(deep)
    const far = join(deep, 'sandbox.sock')
    const there = await serveControl(site.cloud, far)
    expect((await stat(far)).mode & 0o077).toBe(0)
    await changeOutside(far, 'power-off prod-workers-1')
    expect(await observe()).toMatchObject({ power: 'off' })
    await there.close()
    expect(await readdir(deep)).toEqual([])
    await expect(changeOutside(far, 'remove x')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('says what to do where none listens', async () => {
    await expect(changeOutside(join(folder, 'none.sock'), 'remove x')).rejects.toMatchObject({ code: 'unavailable' })
  })
})
