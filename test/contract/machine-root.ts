import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { parse } from 'yaml'
import { type BootstrapInput, renderUserData } from '../../gateway/bootstrap/user-data.ts'

interface WrittenFile {
  readonly path: string
  readonly permissions: string
  readonly content: string
  readonly encoding?: string
}

/** Absolute paths of a machine that its scripts and configurations name. */
const MACHINE_PATHS = /(?<![\w.:/-])\/(?=(?:etc|var|usr\/local\/lib\/pcg)\/)/g

/** A machine's file system below a temporary folder, as cloud-init leaves it, with stand-ins for the programs that would change the host. */
export class MachineRoot {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async create(input: BootstrapInput): Promise<MachineRoot> {
    const root = new MachineRoot(await mkdtemp(join(tmpdir(), 'machine-')))
    const config: { write_files: WrittenFile[] } = parse(renderUserData(input))
    for (const file of config.write_files) {
      const plain =
        file.encoding === 'gz+b64' ? gunzipSync(Buffer.from(file.content, 'base64')).toString() : file.content
      await root.write(file.path, plain.replace(MACHINE_PATHS, `${root.folder}/`), Number.parseInt(file.permissions, 8))
    }
    await root.write('/etc/fstab', '/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n')
    await root.write('/var/log/none', '')
    return root
  }

  async write(path: string, content: string, mode = 0o644): Promise<void> {
    const target = join(this.folder, path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, content)
    await chmod(target, mode)
  }

  read(path: string): Promise<string> {
    return readFile(join(this.folder, path), 'utf8')
  }

  /** Puts a shell script in the place of a program. Each call is noted (see `calls`) before the script runs. */
  async standIn(program: string, script = ''): Promise<void> {
    const note = `echo "${program} $*" >>'${this.folder}/calls'`
    await this.write(`/bin/${program}`, `#!/bin/bash\nroot='${this.folder}'\n${note}\n${script}\n`, 0o755)
  }

  /** How the stand-ins were called, in order, with paths as a machine has them. */
  async calls(): Promise<string[]> {
    const noted = await readFile(join(this.folder, 'calls'), 'utf8').catch(() => '')
    return noted.replaceAll(this.folder, '').trimEnd().split('\n')
  }

  /** Runs one of the machine's scripts; gives its exit code and what it said. */
  async run(script: string, args: readonly string[] = []): Promise<{ code: number | null; output: string }> {
    const child = spawn(join(this.folder, script), args, {
      env: { PATH: [join(this.folder, 'bin'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const exited = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
    const [out, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
    return { code, output: `${out}${errors}` }
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true })
  }
}
