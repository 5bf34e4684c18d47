/** Applying, reading and deleting resources; reading machines. */
import { z } from 'zod'
import { KIND_NAMES } from '../../resources/kind-names.ts'
import { KINDS, type Kind } from '../../resources/resource.ts'
import { answers } from './api-schemas.ts'
import { type Api, callerOf, signalOf } from './api-server.ts'
import type { ApiServices } from './api-services.ts'
import { listed, pageParams } from './page-query.ts'
import { applyBodySchema, checkBody, planBodySchema } from './resource-input.ts'
import { BODY_ERRORS, errors, GATEWAY_ERRORS, needs } from './route-schema.ts'

export const nameParams = z.object({ name: z.string() })

export function addResourceRoutes(api: Api, services: ApiServices): void {
  addApplyRoutes(api, services)
  for (const kind of KINDS) addKindRoutes(api, services, kind)
  addClusterRoutes(api, services)
  addMachineRoutes(api, services)
}

function addApplyRoutes(api: Api, { desired, questions }: ApiServices): void {
  api.route({
    method: 'POST',
    url: '/v1/apply',
    config: needs('operator'),
    validatorCompiler: () => (body: unknown) => checkBody('apply', body),
    schema: {
      tags: ['resources'],
      summary: 'Make or change resources: all of them, or none',
      body: applyBodySchema,
      response: { 200: answers.applied, ...errors(...BODY_ERRORS, 409) },
    },
    handler: async (request) => {
      const { tenant } = callerOf(request)
      const { resources, dryRun = false } = request.body
      if (dryRun) return { results: (await desired.tryOut(tenant, resources)).results }
      return { results: await desired.apply(tenant, resources, request.id) }
    },
  })

  api.route({
    method: 'POST',
    url: '/v1/plan',
    config: needs('operator'),
    validatorCompiler: () => (body: unknown) => checkBody('plan', body),
    schema: {
      tags: ['resources'],
      summary: 'The steps that applying the resources would lead to, as their gateways see it; changes nothing',
      body: planBodySchema,
      response: { 200: answers.plan, ...errors(...BODY_ERRORS, ...GATEWAY_ERRORS, 409) },
    },
    handler: (request, reply) =>
      questions.plan(callerOf(request).tenant, request.body.resources, {
        traceId: request.id,
        signal: signalOf(reply),
      }),
  })
}

function addKindRoutes(api: Api, { desired, items }: ApiServices, kind: Kind): void {
  const { plural } = KIND_NAMES[kind]
  api.route({
    method: 'GET',
    url: `/v1/${plural}`,
    config: needs('viewer'),
    schema: {
      tags: ['resources'],
      summary: `Every ${kind}, by name, in parts`,
      querystring: z.strictObject(pageParams),
      response: { 200: answers.items, ...errors() },
    },
    handler: async (request) => listed(await items.page(callerOf(request).tenant, kind, request.query)),
  })

  api.route({
    method: 'GET',
    url: `/v1/${plural}/:name`,
    config: needs('viewer'),
    schema: {
      tags: ['resources'],
      summary: `A ${kind} with its status`,
      params: nameParams,
      response: { 200: answers.item, ...errors(404) },
    },
    handler: (request) => items.get(callerOf(request).tenant, kind, request.params.name),
  })

  api.route({
    method: 'DELETE',
    url: `/v1/${plural}/:name`,
    config: needs('operator'),
    schema: {
      tags: ['resources'],
      summary: `Delete a ${kind}: it is gone once nothing is left of it outside`,
      params: nameParams,
      querystring: z.strictObject({
        forget: z
          .enum(['true', 'false'], { error: 'must be true or false' })
          .optional()
          .describe('Give up on what stands in the cloud, and report what is left there'),
      }),
      response: { 202: answers.item, ...errors(404, 409) },
    },
    handler: async (request, reply) => {
      const { tenant } = callerOf(request)
      const key = { kind, name: request.params.name }
      const removed = await desired.remove(tenant, key, request.query.forget === 'true', request.id)
      return reply.code(202).send(await items.of(tenant, removed))
    },
  })
}

function addClusterRoutes(api: Api, { items }: ApiServices): void {
  api.route({
    method: 'GET',
    url: `/v1/${KIND_NAMES.Cluster.plural}/:name/timeline`,
    config: needs('viewer'),
    schema: {
      tags: ['resources'],
      summary: 'What was done to that which the machines of a cluster share, by whom and why; oldest first',
      params: nameParams,
      response: { 200: answers.timeline, ...errors(404) },
    },
    handler: async (request) => ({ entries: items.clusterTimeline(callerOf(request).tenant, request.params.name) }),
  })
}

function addMachineRoutes(api: Api, { items }: ApiServices): void {
  const { plural } = KIND_NAMES.Machine
  api.route({
    method: 'GET',
    url: `/v1/${plural}`,
    config: needs('viewer'),
    schema: {
      tags: ['machines'],
      summary: 'Every machine, by name, in parts',
      querystring: z.strictObject({
        cluster: z.string().optional().describe('Of this cluster only'),
        ...pageParams,
      }),
      response: { 200: answers.machines, ...errors() },
    },
    handler: async (request) => listed(items.machines(callerOf(request).tenant, request.query)),
  })

  api.route({
    method: 'GET',
    url: `/v1/${plural}/:name`,
    config: needs('viewer'),
    schema: {
      tags: ['machines'],
      summary: 'A machine with its status',
      params: nameParams,
      response: { 200: answers.machine, ...errors(404) },
    },
    handler: async (request) => items.machine(callerOf(request).tenant, request.params.name),
  })

  api.route({
    method: 'GET',
    url: `/v1/${plural}/:name/timeline`,
    config: needs('viewer'),
    schema: {
      tags: ['machines'],
      summary: 'What was done to a machine, by whom and why; oldest first',
      params: nameParams,
      response: { 200: answers.timeline, ...errors(404) },
    },
    handler: async (request) => ({ entries: items.timeline(callerOf(request).tenant, request.params.name) }),
  })
}
