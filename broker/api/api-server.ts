/**
 * The tenant API: HTTPS, JSON, one API key for each request.
 *
 * Invariants
 * 1. Who asks is known before anything of a request is read but its head; what they may do, before its body is.
 * 2. The tenant comes from the key and from nowhere else: no route takes one.
 * 3. An error's words depend on the caller's own things only; what isn't theirs is answered as what isn't there.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import fastifySwagger from '@fastify/swagger'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import {
  createJsonSchemaTransform,
  createJsonSchemaTransformObject,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Log } from '../../runtime/log.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import type { Caller, Role, TenantStore } from '../store/tenant-store.ts'
import { ROLES } from '../store/tenant-store.ts'
import { answerOf, invalidInput } from './api-error.ts'
import { answers, namedSchemas } from './api-schemas.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose key it is; null on routes that need none. */
    caller: Caller | null
  }
  interface FastifyContextConfig {
    /** The least that a key must be allowed; absent on routes that need no key. */
    role?: Role
  }
}

export interface ApiTls {
  readonly key: string
  readonly cert: string
}

export interface ApiServerOptions {
  readonly tls: ApiTls
  readonly tenants: TenantStore
  readonly version: string
  readonly log: Log
}

const BODY_MAX_BYTES = 16 << 20
/** For a whole request to arrive. */
const REQUEST_TIMEOUT_MS = 60_000
const TRACE_ID = /^[\w-]{8,64}$/
/** W3C Trace Context: version-TRACEID-parent-flags. */
const TRACE_PARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

export type Api = ReturnType<typeof createServer>

/** The server with all that routes have in common; they are added by `routes`. */
export async function createApi(options: ApiServerOptions, routes: (api: Api) => void): Promise<Api> {
  const { tenants, log } = options
  const api = createServer(options.tls)
  api.decorateRequest('caller', null)
  api.setValidatorCompiler<z.ZodType>(({ schema }) => (data) => {
    const parsed = schema.safeParse(data ?? undefined)
    return parsed.success ? { value: parsed.data } : { error: invalidInput(parsed.error) }
  })
  api.setSerializerCompiler(() => (data) => JSON.stringify(data))
  acceptEmptyBodies(api)

  api.addHook('onRequest', async (request, reply) => {
    void reply.header('x-trace-id', request.id)
    const { role } = request.routeOptions.config
    if (role !== undefined) request.caller = authenticate(request, tenants, role)
  })
  api.addHook('onResponse', async (request, reply) => {
    const { url: route } = request.routeOptions
    const fields = { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime) }
    log.debug({ ...fields, tenant: request.caller?.tenant, traceId: request.id }, 'request')
  })
  api.setErrorHandler((thrown, request, reply) => {
    const { status, body } = answerOf(thrown, request.id)
    if (status === 500) log.error({ err: thrown, traceId: request.id }, 'a request failed')
    void reply.code(status).header('content-type', 'application/json; charset=utf-8').send(body)
  })
  api.setNotFoundHandler((request, reply) => {
    const error = new PcgError('not-found', `there is no ${request.method} at this path`, {
      remedy: 'See /v1/openapi.json for what there is.',
    })
    void reply.code(404).send(answerOf(error, request.id).body)
  })

  await api.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Private Cloud Gateway', version: options.version, license: { name: 'Apache-2.0' } },
      security: [{ apiKey: [] }],
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
    },
    transform: createJsonSchemaTransform({ schemaRegistry: namedSchemas }),
    transformObject: (document) => withoutUnused(nameSchemas(document)),
  })
  api.after(() => {
    routes(api)
    addOpenRoutes(api)
  })
  await api.ready()
  return api
}

const nameSchemas = createJsonSchemaTransformObject({ schemaRegistry: namedSchemas })

/** Every named schema comes as an input and as an answer, though most are only one of them. */
function withoutUnused(document: ReturnType<typeof nameSchemas>): ReturnType<typeof nameSchemas> {
  if (!('components' in document) || document.components?.schemas === undefined) return document
  const { schemas } = document.components
  const used = JSON.stringify(document)
  for (const name of Object.keys(schemas))
    if (!used.includes(`"#/components/schemas/${name}"`)) Reflect.deleteProperty(schemas, name)
  return document
}

/** As node:tls takes it. */
export function secureContextOf({ key, cert }: ApiTls) {
  return { key, cert, minVersion: 'TLSv1.2' as const }
}

function createServer(tls: ApiTls) {
  return fastify({
    https: secureContextOf(tls),
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 300 },
    forceCloseConnections: 'idle',
    genReqId: traceIdOf,
  }).withTypeProvider<ZodTypeProvider>()
}

/** The caller of a route that has a role. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new PcgError('internal', 'a route without a role asked for its caller')
  return request.caller
}

/** Aborts when the one who asked goes away before the answer. */
export function signalOf(reply: FastifyReply): AbortSignal {
  const controller = new AbortController()
  reply.raw.once('close', () => controller.abort(new PcgError('cancelled', 'the caller went away')))
  return controller.signal
}

function authenticate(request: FastifyRequest, tenants: TenantStore, role: Role): Caller {
  const [, key = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  const caller = tenants.callerOf(key)
  if (caller === undefined)
    throw new PcgError(
      'unauthenticated',
      key === '' ? 'there is no API key in the request' : 'the API key is not known',
      {
        subject: 'authorization',
        remedy: 'Send the header `authorization: Bearer KEY` with a key that an admin of the tenant made.',
      },
    )
  if (ROLES.indexOf(caller.role) < ROLES.indexOf(role))
    throw new PcgError('denied', `this needs the role ${role}, and the key has the role ${caller.role}`, {
      subject: 'authorization',
      remedy: `Use a key with the role ${role}; an admin can make one.`,
    })
  return caller
}

/** The caller's own trace id if it sent one, so that its logs and ours can be joined. */
function traceIdOf(request: IncomingMessage): string {
  const { traceparent, 'x-trace-id': given } = request.headers
  const [, parent] = TRACE_PARENT.exec(String(traceparent)) ?? []
  if (parent !== undefined) return parent
  return typeof given === 'string' && TRACE_ID.test(given) ? given : randomUUID().replaceAll('-', '')
}

/** A POST that needs no body may announce JSON and send none. */
function acceptEmptyBodies(api: Api): void {
  const parse = api.getDefaultJsonParser('error', 'error')
  api.removeContentTypeParser('application/json')
  api.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else void parse(request, body.toString(), done)
  })
}

function addOpenRoutes(api: Api): void {
  api.route({
    method: 'GET',
    url: '/healthz',
    schema: { summary: 'Whether the broker runs', security: [], response: { 200: answers.healthy } },
    handler: async () => ({ status: 'ok' as const }),
  })
  api.route({
    method: 'GET',
    url: '/v1/openapi.json',
    schema: {
      summary: 'This document',
      security: [],
      response: { 200: z.record(z.string(), z.unknown()).describe('OpenAPI 3.1') },
    },
    handler: async () => ({ ...api.swagger() }),
  })
}
