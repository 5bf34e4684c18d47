import { afterEach, describe, expect, test } from 'vitest'
import { Site, until } from './site.ts'

describe('an attached gateway', () => {
  let site: Site
  afterEach(() => site.close())

  test('gets what is published, journals it in order and acknowledges it', async () => {
    site = await Site.open()
    site.broker.publish(3)
    await site.attached()
    site.broker.publish(500)
    await until(() => site.broker.acks.at(-1) === 503)
    expect(site.gateway.journal).toEqual(site.broker.log)
  })

  test('sends its events in order and lets go of them once the broker has them', async () => {
    site = await Site.open()
    site.gateway.append(3)
    await site.attached()
    site.gateway.append(500)
    await until(() => site.gateway.releasedTo === 503)
    expect(site.broker.stored.map((event) => event.sequence)).toEqual(Array.from({ length: 503 }, (_, n) => n + 1))
  })
})
