import { PcgError } from '../runtime/pcg-error.ts'

/** Why a stream of session `epoch` ends over a frame of `frameEpoch`, or because its own is no longer the newest. */
export function fenced(frameEpoch: number, epoch: number): PcgError {
  const what = frameEpoch === epoch ? `session ${epoch}` : `a frame of session ${frameEpoch} on the stream of ${epoch}`
  return new PcgError('conflict', `${what} is fenced: another session of this gateway is newer`, {
    remedy: 'Run one gateway only with this identity: if its machine was cloned, stop the copy and enrol it by itself.',
  })
}
