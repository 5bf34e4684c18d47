import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Asked {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly body: unknown
  readonly authorization: string | undefined
}

/** What is answered: a value as JSON, or whatever the function does with the response. */
export type Answer =
  | { readonly status?: number; readonly json: unknown }
  | ((response: ServerResponse, asked: Asked) => void | Promise<void>)

/** An HTTP server that speaks as the broker's API does, as far as a test says. */
export interface FakeBroker {
  readonly url: string
  /** A folder with `.pcg/config.yaml` for it. */
  readonly cwd: string
  readonly asked: Asked[]
  /** @param route `GET /v1/clusters`, without the query. */
  on(route: string, answer: Answer): void
  close(): Promise<void>
}

export async function startFakeBroker(): Promise<FakeBroker> {
  const answers = new Map<string, Answer>()
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    void handle(request, response)
  })
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const text = Buffer.concat(chunks).toString()
    const { method = '', url = '' } = request
    const body: unknown = text === '' ? undefined : JSON.parse(text)
    const call = { method, path: url, body, authorization: request.headers.authorization }
    asked.push(call)
    const answer = answers.get(`${method} ${url.split('?')[0]}`)
    if (typeof answer === 'function') {
      await answer(response, call)
      return
    }
    const { status = 200, json } = answer ?? {
      status: 404,
      json: { error: { code: 'not-found', message: 'not found', subject: url } },
    }
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  const cwd = await mkdtemp(join(tmpdir(), 'pcg-cli-test-'))
  await mkdir(join(cwd, '.pcg'))
  const config = join(cwd, '.pcg', 'config.yaml')
  await writeFile(config, `server: ${url}\napiKey: the-key\ntenant: acme\n`, { mode: 0o600 })
  return {
    url,
    cwd,
    asked,
    on: (route, answer) => answers.set(route, answer),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(cwd, { recursive: true, force: true })
    },
  }
}

/** Sends lines of a watch, and leaves the stream open. */
export function lines(response: ServerResponse, values: readonly object[]): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.write(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
}
