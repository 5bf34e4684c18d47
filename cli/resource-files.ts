import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import type { YamlSource } from '../resources/parse-yaml.ts'
import type { Resource } from '../resources/resource.ts'
import { PcgError } from '../runtime/pcg-error.ts'
import type { Host, Input } from './host.ts'

const ENDINGS = ['.yaml', '.yml', '.json']

/**
 * The resources of the files that `-f` names (a file, a folder with all below it, or `-` for stdin), those first that others refer
 * to. Throws `invalid` with everything that is wrong in any of them.
 */
export async function readResources(host: Host, files: readonly string[]): Promise<Resource[]> {
  const sources: YamlSource[] = []
  for (const file of files) {
    if (file === '-') sources.push({ name: 'stdin', text: await readAll(host.in, host) })
    else sources.push(...(await readPath(host, resolve(host.cwd, file))))
  }
  const { parseResources } = await import('../resources/parse-yaml.ts')
  const { KINDS } = await import('../resources/resource.ts')
  return parseResources(sources).toSorted((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind))
}

/** All of stdin. On a terminal it says on stderr what it waits for. */
export async function readAll(input: Input, host: Host): Promise<string> {
  if (input.isTerminal) host.err.write('Reading from the terminal; end with Ctrl-D.\n')
  const chunks: Buffer[] = []
  for await (const chunk of input.stream.iterator({ destroyOnReturn: true })) {
    host.signal.throwIfAborted()
    chunks.push(Buffer.from(chunk))
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The texts of a file, or of all files below a folder. */
export async function readPath(host: Host, path: string): Promise<YamlSource[]> {
  const shown = relative(host.cwd, path)
  const name = shown.startsWith('../..') ? path : shown || '.'
  try {
    if (!(await stat(path)).isDirectory()) return [{ name, text: await readFile(path, 'utf8') }]
    const entries = await readdir(path, { recursive: true })
    const files = entries.filter((entry) => ENDINGS.some((ending) => entry.endsWith(ending))).toSorted()
    if (files.length === 0)
      throw new PcgError('invalid', `has no file that ends in ${ENDINGS.join(', ')}`, { subject: name })
    return await Promise.all(
      files.map(async (file) => ({ name: join(name, file), text: await readFile(join(path, file), 'utf8') })),
    )
  } catch (cause) {
    if (cause instanceof PcgError) throw cause
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const why = code === 'ENOENT' ? 'there is no such file or folder' : `can't be read: ${PcgError.from(cause).message}`
    throw new PcgError('invalid', why, { subject: name, cause })
  }
}
