/** Join tokens and revocation; and what is asked of gateways. */
import { z } from 'zod'
import { TOKEN_DEFAULT_SECONDS, TOKEN_MAX_SECONDS } from '../enrolment.ts'
import { answers } from './api-schemas.ts'
import { type Api, callerOf, signalOf } from './api-server.ts'
import type { ApiServices } from './api-services.ts'
import { nameParams } from './resource-routes.ts'
import { BODY_ERRORS, errors, GATEWAY_ERRORS, needs } from './route-schema.ts'

export function addGatewayRoutes(api: Api, services: ApiServices): void {
  addEnrolmentRoutes(api, services)
  addQuestionRoutes(api, services)
}

function addEnrolmentRoutes(api: Api, { enrolment, items }: ApiServices): void {
  api.route({
    method: 'POST',
    url: '/v1/gateways/:name/token',
    config: needs('admin'),
    schema: {
      tags: ['gateways'],
      summary: 'Make a one-time token that a gateway joins by',
      params: nameParams,
      body: z
        .strictObject({
          ttlSeconds: z
            .int('must be a whole number of seconds')
            .min(1, 'must be at least 1')
            .max(TOKEN_MAX_SECONDS, `must be at most ${TOKEN_MAX_SECONDS}`)
            .optional()
            .describe(`How long it counts; ${TOKEN_DEFAULT_SECONDS} if absent`),
        })
        .optional(),
      response: { 200: answers.joinToken, ...errors(...BODY_ERRORS, 404) },
    },
    handler: (request) =>
      enrolment.createToken(
        { tenant: callerOf(request).tenant, gateway: request.params.name },
        request.body?.ttlSeconds ?? TOKEN_DEFAULT_SECONDS,
      ),
  })

  api.route({
    method: 'POST',
    url: '/v1/gateways/:name/revoke',
    config: needs('admin'),
    schema: {
      tags: ['gateways'],
      summary: 'Void all certificates and tokens of a gateway, and cut its tunnel; a new token lets it join again',
      params: nameParams,
      body: z.strictObject({}).optional(),
      response: { 200: answers.item, ...errors(...BODY_ERRORS, 404) },
    },
    handler: async (request) => {
      const { tenant } = callerOf(request)
      await enrolment.revoke({ tenant, gateway: request.params.name })
      return items.get(tenant, 'Gateway', request.params.name)
    },
  })
}

function addQuestionRoutes(api: Api, { questions }: ApiServices): void {
  api.route({
    method: 'GET',
    url: '/v1/gateways/:name/ledger',
    config: needs('viewer'),
    schema: {
      tags: ['gateways'],
      summary: 'What stands in the clouds on account of this gateway, as its ledger has it',
      params: nameParams,
      querystring: z.strictObject({ cluster: z.string().optional().describe('Of this cluster only') }),
      response: { 200: answers.ledger, ...errors(...GATEWAY_ERRORS) },
    },
    handler: (request, reply) =>
      questions.ledger(callerOf(request).tenant, request.params.name, request.query.cluster, {
        traceId: request.id,
        signal: signalOf(reply),
      }),
  })

  api.route({
    method: 'GET',
    url: '/v1/accounts/:name/inventory',
    config: needs('viewer'),
    schema: {
      tags: ['accounts'],
      summary: "What a placement may choose from, asked of the account's cloud",
      params: nameParams,
      response: { 200: answers.inventory, ...errors(...GATEWAY_ERRORS) },
    },
    handler: (request, reply) =>
      questions.inventory(callerOf(request).tenant, request.params.name, {
        traceId: request.id,
        signal: signalOf(reply),
      }),
  })

  api.route({
    method: 'POST',
    url: '/v1/accounts/:name/verify',
    config: needs('operator'),
    schema: {
      tags: ['accounts'],
      summary: 'Check reachability, credentials and privileges in the cloud of the account',
      params: nameParams,
      body: z.strictObject({}).optional(),
      response: { 200: answers.findings, ...errors(...BODY_ERRORS, ...GATEWAY_ERRORS) },
    },
    handler: (request, reply) =>
      questions.verify(callerOf(request).tenant, request.params.name, {
        traceId: request.id,
        signal: signalOf(reply),
      }),
  })
}
