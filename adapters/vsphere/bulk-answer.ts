import { type ErrorCode, PcgError } from '../../runtime/pcg-error.ts'
import { ownText } from './bulk-field.ts'
import { BulkParser } from './bulk-parser.ts'
import { children, type Rule } from './bulk-rule.ts'
import type { OpenReply } from './transport.ts'
import { faultError, vimFault } from './vim-fault.ts'

/**
 * Reads a SOAP answer as it comes in.
 * @param returned what to do with each `returnval`.
 * Throws vCenter's fault, or `interrupted` if the answer is not whole.
 */
export async function readAnswer(answer: OpenReply, returned: Rule): Promise<void> {
  const fault = { type: '', message: '' }
  const response: Rule = { children: children({ returnval: returned }) }
  const responses = Object.fromEntries(METHODS.map((method) => [`${method}Response`, response]))
  const body: Rule = { children: children({ ...responses, Fault: faultRule(fault) }) }
  const envelope: Rule = { children: children({ Body: body }) }
  const parser = new BulkParser({ children: children({ Envelope: envelope }) })
  try {
    for await (const chunk of answer.chunks) parser.write(chunk)
  } catch (cause) {
    if (cause instanceof PcgError) throw cause
    throw new PcgError('interrupted', `vCenter's answer was lost: ${PcgError.from(cause).message}`, { cause })
  }
  parser.end()
  if (fault.type !== '') throw refusal(fault)
  if (answer.status !== 200) throw new PcgError('interrupted', `vCenter answered HTTP ${answer.status} without a fault`)
}

const METHODS = ['CreateContainerView', 'DestroyView', 'RetrievePropertiesEx', 'ContinueRetrievePropertiesEx']

/** `detail` holds one element, `<NAMEFault xsi:type="NAME">`. */
function faultRule(fault: { type: string; message: string }): Rule {
  const named = (type: string): undefined => {
    if (type !== '') fault.type = type
  }
  return {
    begin: () => {
      fault.type = 'SystemError'
    },
    children: children({
      faultstring: ownText((value) => {
        fault.message = value.trim()
      }),
      detail: { others: { choose: named } },
    }),
  }
}

function refusal({ type, message }: { type: string; message: string }): PcgError {
  const said = vimFault(type, message)
  return faultError(CODES[type] ?? 'internal', said.message, said)
}

const CODES: Readonly<Record<string, ErrorCode>> = {
  NotAuthenticated: 'unauthenticated',
  NoPermission: 'denied',
  ManagedObjectNotFound: 'not-found',
}
