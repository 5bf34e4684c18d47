import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client } from '../../../cli/client.ts'
import { type FakeBroker, startFakeBroker } from './fake-broker.ts'

const signal = new AbortController().signal

let broker: FakeBroker
let client: Client
beforeEach(async () => {
  broker = await startFakeBroker()
  client = new Client({
    server: broker.url,
    apiKey: 'k',
    tenant: 't',
    source: 'test',
    authoritySource: 'test',
    keySource: 'test',
  })
})
afterEach(async () => {
  client.close()
  await broker.close()
})

/** Answers with the names in parts of two, as the broker does. */
function answerInParts(route: string, names: readonly string[]): void {
  broker.on(route, (response, { path }) => {
    const after = new URL(path, broker.url).searchParams.get('after') ?? ''
    const rest = names.filter((name) => name > after)
    const items = rest.slice(0, 2).map((name) => ({ name }))
    const next = rest.length > 2 ? { next: rest[1] } : {}
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items, ...next }))
  })
}

test('a list that comes in parts is read to its end, with what was asked for each time', async () => {
  answerInParts('GET /v1/machines', ['a', 'b', 'c & d', 'e', 'f'])
  const machines = await client.list('Machine', signal, { cluster: 'one' })
  expect(machines).toEqual(['a', 'b', 'c & d', 'e', 'f'].map((name) => ({ name })))
  expect(broker.asked.map(({ path }) => path)).toEqual([
    '/v1/machines?cluster=one',
    '/v1/machines?cluster=one&after=b',
    '/v1/machines?cluster=one&after=e',
  ])
  answerInParts('GET /v1/keys', ['k1', 'k2', 'k3'])
  expect(await client.keys(signal)).toHaveLength(3)
})

test('a list that is one part is asked for once', async () => {
  answerInParts('GET /v1/clusters', ['a', 'b'])
  expect(await client.list('Cluster', signal)).toHaveLength(2)
  expect(broker.asked).toHaveLength(1)
})

test('an answer without the list, in whichever part, is an error', async () => {
  broker.on('GET /v1/clusters', (response, { path }) => {
    const part = path.includes('after') ? {} : { items: [{ name: 'a' }], next: 'a' }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(part))
  })
  await expect(client.list('Cluster', signal)).rejects.toMatchObject({ code: 'unavailable' })
})
