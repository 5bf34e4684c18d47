/** `npm run bench -- NAME [--json]`: runs NAME.bench.ts. Ends with 1 if a goal was missed, 2 if it could not be run. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { preparePeer } from '../peers/peer.ts'
import { type Bench, inWords, measure } from './harness.ts'

const SUFFIX = '.bench.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false } },
})
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(SUFFIX))
  .map((file) => file.slice(0, -SUFFIX.length))
const [name = ''] = positionals

if (known.includes(name)) {
  await run(name)
} else {
  console.error(`usage: npm run bench -- NAME [--json], where NAME is one of: ${known.join(', ')}`)
  process.exitCode = 2
}

async function run(chosen: string): Promise<void> {
  const { bench }: { bench: Bench } = await import(join(import.meta.dirname, `${chosen}${SUFFIX}`))
  for (const peer of bench.needs ?? []) {
    const found = await preparePeer(peer)
    if (found.available) continue
    console.error(`bench ${chosen} needs ${peer}: ${found.reason}`)
    process.exitCode = 2
    return
  }
  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const say = (text: string) => console.error(`${chosen}: ${text}`)
  const results = await measure(chosen, bench, { signal: stop.signal, say })
  for (const result of results) console.log(values.json ? JSON.stringify(result) : inWords(result, bench.peer))
  if (results.some((result) => result.met === false)) process.exitCode = 1
}
