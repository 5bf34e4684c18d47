import { cancellation } from '../../runtime/cancellation.ts'

export const { abortable, cancelled, throwIfAborted } = cancellation('the call to vCenter')
