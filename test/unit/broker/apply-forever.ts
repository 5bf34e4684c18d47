/** Applies one cluster after another to the database that it is given, and prints each name once it is stored, until it is killed. */
import { DesiredState } from '../../../broker/desired-state.ts'
import { SqliteLog } from '../../../broker/log/sqlite-log.ts'
import { openStore } from '../../../broker/store/broker-store.ts'
import { CommandOutbox } from '../../../broker/store/command-outbox.ts'
import { systemClock } from '../../../runtime/clock.ts'
import { silentLog } from '../../../runtime/log.ts'
import { account, cluster, gateway, profile } from './resources.ts'

const store = openStore(process.argv[2] ?? '', systemClock)
const messages = new SqliteLog({ db: store.database.db, commits: store.database.commits, clock: systemClock })
const outbox = new CommandOutbox({ database: store.database, messages, clock: systemClock, log: silentLog })
const desired = new DesiredState({ store, outbox, clock: systemClock, gatewayRemoved: () => undefined })

await desired.apply('acme', [gateway('berlin'), account('sandbox', 'berlin'), profile('base')], '')
for (let n = 1; ; n += 1) {
  const name = `c${n}`
  await desired.apply('acme', [cluster(name, { account: 'sandbox', profile: 'base' })], '')
  process.stdout.write(`${name}\n`)
}
