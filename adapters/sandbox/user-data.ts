import { parse } from 'yaml'
import { z } from 'zod'
import type { PhoneHome } from './vm.ts'

const PATH = '/etc/pcg/phone-home.json'
const fileSchema = z.object({ path: z.string(), content: z.string() })
const configSchema = z.object({ write_files: z.array(z.unknown()) })
const phoneHomeSchema = z.object({ url: z.url(), token: z.string().min(1), authority: z.string() })

/**
 * What a guest learns from its cloud-config: the file `/etc/pcg/phone-home.json` in `write_files`, or null if there is none.
 * Where the list is in block style only that item is parsed, since ten thousand machines boot from one process here.
 */
export function readPhoneHome(userData: string): PhoneHome | null {
  if (!userData.startsWith('#cloud-config')) return null
  for (let at = userData.indexOf(PATH); at !== -1; at = userData.indexOf(PATH, at + 1)) {
    const found = phoneHomeOf(parseYaml(itemAround(userData, at)))
    if (found !== null) return found
  }
  const whole = userData.includes(PATH) ? configSchema.safeParse(parseYaml(userData)) : null
  for (const file of whole?.data?.write_files ?? []) {
    const found = phoneHomeOf(file)
    if (found !== null) return found
  }
  return null
}

/** Whether the machine is of a control plane, whose script asks the gateway who joins and leaves the cluster. */
export function asksGateway(userData: string): boolean {
  return userData.includes('path: /usr/local/lib/pcg/join-wanted.sh\n')
}

function phoneHomeOf(item: unknown): PhoneHome | null {
  const file = fileSchema.safeParse(item)
  if (!file.success || file.data.path !== PATH) return null
  return phoneHomeSchema.safeParse(parseYaml(file.data.content)).data ?? null
}

/** The block-style list item (`- path: …`) around `at`, without its dash. */
function itemAround(text: string, at: number): string {
  let start = at
  let line = lineAt(text, start)
  while (!/^\s*- /.test(line.text)) {
    if (line.start === 0) return ''
    start = line.start - 1
    line = lineAt(text, start)
  }
  const indent = line.text.indexOf('-')
  let end = line.end
  while (end < text.length) {
    const next = lineAt(text, end + 1)
    if (next.text.trim() !== '' && next.text.search(/\S/) <= indent) break
    end = next.end
  }
  return `${' '.repeat(indent)}  ${text.slice(line.start + indent + 2, end)}`
}

function lineAt(text: string, at: number): { text: string; start: number; end: number } {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const newline = text.indexOf('\n', at)
  const end = newline === -1 ? text.length : newline
  return { text: text.slice(start, end), start, end }
}

function parseYaml(text: string): unknown {
  try {
    return parse(text)
  } catch {
    return null
  }
}
