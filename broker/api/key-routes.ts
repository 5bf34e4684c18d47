import { z } from 'zod'
import { nameSchema } from '../../resources/metadata.ts'
import { ROLES } from '../store/tenant-store.ts'
import { answers } from './api-schemas.ts'
import { type Api, callerOf } from './api-server.ts'
import type { ApiServices } from './api-services.ts'
import { listed, pageParams } from './page-query.ts'
import { BODY_ERRORS, errors, needs } from './route-schema.ts'

/** The tenant's API keys. */
export function addKeyRoutes(api: Api, { store }: ApiServices): void {
  api.route({
    method: 'POST',
    url: '/v1/keys',
    config: needs('admin'),
    schema: {
      tags: ['keys'],
      summary: 'Make an API key, which is shown once',
      body: z.strictObject({
        name: nameSchema,
        role: z.enum(ROLES, { error: `must be one of ${ROLES.join(', ')}` }),
      }),
      response: { 201: answers.newKey, ...errors(...BODY_ERRORS, 409) },
    },
    handler: async (request, reply) => {
      const { name, role } = request.body
      return reply.code(201).send(await store.tenants.addKey(callerOf(request).tenant, name, role))
    },
  })

  api.route({
    method: 'GET',
    url: '/v1/keys',
    config: needs('admin'),
    schema: {
      tags: ['keys'],
      summary: 'Every API key, by name, in parts; not the keys themselves',
      querystring: z.strictObject(pageParams),
      response: { 200: answers.keys, ...errors() },
    },
    handler: async (request) => listed(store.tenants.keyPage(callerOf(request).tenant, request.query)),
  })

  api.route({
    method: 'DELETE',
    url: '/v1/keys/:id',
    config: needs('admin'),
    schema: {
      tags: ['keys'],
      summary: 'Void an API key',
      params: z.object({ id: z.string() }),
      response: { 204: z.undefined().describe('It no longer counts'), ...errors(404, 409) },
    },
    handler: async (request, reply) => {
      await store.tenants.removeKey(callerOf(request).tenant, request.params.id)
      return reply.code(204).send()
    },
  })
}
