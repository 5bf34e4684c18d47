/**
 * What a service says in an answer that isn't a success. Each service has a shape of its own:
 * - nova, cinder: `{"itemNotFound": {"code": 404, "message": "…"}}`
 * - neutron: `{"NeutronError": {"type": "NetworkNotFound", "message": "…", "detail": ""}}`, or a string in place of the object
 * - keystone, and the middleware that checks tokens: `{"error": {"code": 404, "title": "Not Found", "message": "…"}}`
 * - placement: `{"errors": [{"title": "Not Found", "detail": "…", "code": "placement.undefined_code"}]}`
 * - octavia: `{"faultstring": "…", "faultcode": "Client", "debuginfo": null}`
 * - glance: `{"message": "…<br /><br />", "code": "404 Not Found", "title": "Not Found"}`, HTML where it overlooks what we accept
 * - proxies: HTML or plain text
 */
export interface Said {
  readonly type: string | undefined
  readonly message: string
  /** An HTML page may be anybody's; one of these shapes is a service's. */
  readonly shaped: boolean
}

const MAX_MESSAGE = 1_000

/** @param body the answer's, as text; never throws. */
export function readSaid(body: string): Said {
  const said = shapeOf(parse(body))
  if (said !== undefined) return { ...said, message: shorten(said.message), shaped: true }
  return { type: undefined, message: shorten(plain(body)), shaped: false }
}

function shapeOf(answer: unknown): Omit<Said, 'shaped'> | undefined {
  if (!isRecord(answer)) return undefined
  if (typeof answer.faultstring === 'string') return { type: string(answer.faultcode), message: answer.faultstring }
  const [first] = Array.isArray(answer.errors) ? answer.errors : []
  if (isRecord(first)) return { type: string(first.code) ?? string(first.title), message: string(first.detail) ?? '' }
  if (isRecord(answer.error)) return { type: string(answer.error.title), message: string(answer.error.message) ?? '' }
  if (typeof answer.message === 'string') return { type: string(answer.title), message: answer.message }
  const [entry] = Object.entries(answer)
  if (entry === undefined) return undefined
  const [name, value] = entry
  if (typeof value === 'string') return { type: name, message: value }
  if (!isRecord(value) || typeof value.message !== 'string') return undefined
  const detail = string(value.detail)
  const message = detail === undefined || detail === '' ? value.message : `${value.message} ${detail}`
  return { type: string(value.type) ?? name, message }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** The words of an HTML page without its title, which repeats the status. */
function plain(body: string): string {
  return body
    .replaceAll(/<(title|style|script|h1)\b[^>]*>[\s\S]*?<\/\1>/gi, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&#x27;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&')
}

function shorten(text: string): string {
  const words = text
    .replaceAll(/<br ?\/?>/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return words.length > MAX_MESSAGE ? `${words.slice(0, MAX_MESSAGE)}…` : words
}

function string(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
