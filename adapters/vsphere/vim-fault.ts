import { type ErrorCode, PcgError, type PcgErrorOptions } from '../../runtime/pcg-error.ts'
import { field, list, text } from './soap-value.ts'

/** What vCenter says went wrong: a type of its API, its own words, and the fault's fields. */
export interface VimFault {
  readonly kind: 'vim-fault'
  /** `InvalidPowerState`, `NoPermission`, … */
  readonly type: string
  readonly message: string
  readonly detail: Readonly<Record<string, unknown>>
}

/** A fault of vCenter as a thrown error; `cause` is the fault. */
export function faultError(code: ErrorCode, message: string, fault: VimFault, options: PcgErrorOptions = {}): PcgError {
  return new PcgError(code, message, { ...options, cause: fault })
}

/** The fault that an error stands for, if vCenter answered one. */
export function faultOf(thrown: unknown): VimFault | undefined {
  const cause = thrown instanceof PcgError ? thrown.cause : undefined
  return isFault(cause) ? cause : undefined
}

function isFault(cause: unknown): cause is VimFault {
  return field(cause, 'kind') === 'vim-fault'
}

/** From a SOAP fault's parts; `detail` holds one element, `<NAMEFault xsi:type="NAME">`. */
export function soapFault(faultstring: string, detail: unknown): VimFault {
  const [entry] = Object.entries(field(detail) ?? {})
  const body = entry?.[1]
  const type = text(body, 'xsiType') ?? entry?.[0].replace(/Fault$/, '') ?? 'SystemError'
  return vimFault(type, faultstring, body)
}

/** From a LocalizedMethodFault, as a task's error or a missing property has it. */
export function localizedFault(error: unknown): VimFault {
  const body = field(error, 'fault')
  return vimFault(text(body, 'xsiType') ?? 'SystemError', text(error, 'localizedMessage') ?? '', body)
}

/** @param body the fault's fields, as far as they are known. */
export function vimFault(type: string, said: string, body: unknown = {}): VimFault {
  const detail = Object.fromEntries(
    Object.entries(typeof body === 'object' && body !== null ? body : {}).filter(([name]) => name !== 'xsiType'),
  )
  const more = list(detail.faultMessage).flatMap((message) => text(message, 'message') ?? [])
  // A simulator, and vCenter for some faults, says nothing or only the type's name.
  const words = [said.startsWith('*types.') ? '' : said.trim(), ...more].filter((part) => part !== '')
  return { kind: 'vim-fault', type, message: words.length > 0 ? words.join(' ') : inWords(type, detail), detail }
}

/** `InvalidPowerState (requestedState poweredOn, existingState poweredOn)` */
function inWords(type: string, detail: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(detail).flatMap(([name, value]) => {
    const shown = text(value) ?? text(value, 'value')
    return shown === undefined ? [] : [`${name} ${shown}`]
  })
  return fields.length > 0 ? `${type} (${fields.join(', ')})` : type
}
