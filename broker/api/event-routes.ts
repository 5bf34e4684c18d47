/** What happened, and what is happening. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { eventItem } from '../items.ts'
import { reportedKindSchema } from '../report-schema.ts'
import { type WatchLine, watch } from '../watch.ts'
import { answers, watchLineSchema } from './api-schemas.ts'
import { type Api, callerOf, signalOf } from './api-server.ts'
import type { ApiServices } from './api-services.ts'
import { limitParam, numberParam } from './page-query.ts'
import { errors, needs } from './route-schema.ts'

const idParam = numberParam.min(0, 'must be at least 0')

export function addEventRoutes(api: Api, services: ApiServices): void {
  const { store, items, closing, pingMs } = services
  api.route({
    method: 'GET',
    url: '/v1/events',
    config: needs('viewer'),
    schema: {
      tags: ['events'],
      summary: 'What happened, oldest first: the newest ones, or those behind an id',
      querystring: z.strictObject({
        kind: reportedKindSchema.optional(),
        name: z.string().optional(),
        after: idParam
          .optional()
          .describe('Only events with a larger id, from there on: the `next` of the part before'),
        limit: limitParam,
      }),
      response: { 200: answers.events, ...errors() },
    },
    handler: async (request) => {
      const { entries, ...next } = store.events.page(callerOf(request).tenant, request.query)
      return { events: entries.map(eventItem), ...next }
    },
  })

  api.route({
    method: 'GET',
    url: '/v1/watch',
    config: needs('viewer'),
    schema: {
      tags: ['events'],
      summary: 'All that is there, then `synced`, then each change as it happens: one JSON object a line',
      querystring: z.strictObject({
        after: idParam
          .optional()
          .describe('Go on behind the id of this line, rather than begin with all that is there'),
      }),
      response: {
        200: { description: 'Lines without end', content: { 'application/x-ndjson': { schema: watchLineSchema } } },
        ...errors(409),
      },
    },
    handler: async (request, reply) => {
      const { tenant } = callerOf(request)
      const signal = AbortSignal.any([signalOf(reply), closing])
      const lines = watch({ store, items, tenant, after: request.query.after, pingMs, signal })
      reply.raw.setHeader('cache-control', 'no-store')
      void reply.header('content-type', 'application/x-ndjson; charset=utf-8')
      return reply.send(Readable.from(textOf(lines)) as unknown as z.infer<typeof watchLineSchema>)
    },
  })
}

async function* textOf(lines: AsyncIterable<WatchLine>): AsyncGenerator<string, void, void> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`
}
