import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PcgError } from '../../runtime/pcg-error.ts'

/** Lies in every folder that quickstart made, with its process id: nothing else is ever removed. */
const MARK = 'quickstart.pid'
/** What quickstart puts into its folder. */
const PARTS = ['broker', 'gateway', 'broker.log', 'gateway.log', 'join-token'] as const

/** Makes the folder empty and ours alone; says whether an earlier run's state was removed. Throws `conflict` if one still runs. */
export async function prepareFolder(folder: string): Promise<boolean> {
  const mark = join(folder, MARK)
  const old = await readFile(mark, 'utf8').catch(() => undefined)
  const runs = old === undefined ? undefined : await runningQuickstart(old.trim())
  if (runs !== undefined)
    throw new PcgError('conflict', `a quickstart is running here already (process ${runs})`, {
      subject: folder,
      remedy: 'Use that one, end it with Ctrl-C, or give another folder with --state.',
    })
  const exists = (await stat(folder).catch(() => undefined)) !== undefined
  if (exists && old === undefined) {
    const taken = await Promise.all(PARTS.map((part) => stat(join(folder, part)).catch(() => undefined)))
    if (taken.some((part) => part !== undefined))
      throw new PcgError('conflict', 'the folder has state that no quickstart made', {
        subject: folder,
        remedy: 'Give another folder with --state.',
      })
  }
  if (old !== undefined) for (const part of PARTS) await rm(join(folder, part), { recursive: true, force: true })
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await chmod(folder, 0o700)
  await writeFile(mark, `${process.pid}\n`, { mode: 0o600 })
  return old !== undefined
}

/** Another process of that id may have come since: only one that is a quickstart counts. */
async function runningQuickstart(pid: string): Promise<string | undefined> {
  if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return undefined
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return line.includes('quickstart') ? pid : undefined
}

const HEAD = '# Written by `pcg quickstart`: the context of its broker.\n'

/** Writes the context to where pcg looks for it; one that somebody else put there is kept aside, under the name that it gives back. */
export async function writeContext(path: string, yaml: string): Promise<string | undefined> {
  const old = await readFile(path, 'utf8').catch(() => undefined)
  const aside = old === undefined || old.startsWith(HEAD) ? undefined : `${path}.before-quickstart`
  if (aside !== undefined) await rename(path, aside)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writePrivate(path, HEAD + yaml)
  return aside
}

/** A file that only its owner may read, from its first byte on. */
export async function writePrivate(path: string, text: string): Promise<void> {
  await rm(path, { force: true })
  await writeFile(path, text, { mode: 0o600, flag: 'wx' })
}
