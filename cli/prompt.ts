import { PcgError } from '../runtime/pcg-error.ts'
import type { Host } from './host.ts'

const CTRL_C = '\x03'
const CTRL_D = '\x04'
const CTRL_U = '\x15'
const BACKSPACE = ['\x7f', '\b']

/** Asks on the terminal (on stderr, so that stdout stays what was asked for) and gives the line; what is secret isn't echoed. */
export async function ask(host: Host, question: string, options: { readonly echo: boolean }): Promise<string> {
  // The echo ends before anybody, or any program, sees that it may type.
  host.in.setRaw(true)
  host.err.write(question)
  const { stream } = host.in
  try {
    return await new Promise<string>((resolve, reject) => {
      let line = ''
      const cancel = (): void => finish(() => reject(new PcgError('cancelled', 'interrupted')))
      const finish = (settle: () => void): void => {
        stream.off('data', onData)
        stream.off('end', cancel)
        host.signal.removeEventListener('abort', cancel)
        stream.pause()
        settle()
      }
      const onData = (chunk: Buffer | string): void => {
        for (const letter of chunk.toString()) {
          if (letter === '\r' || letter === '\n') {
            finish(() => resolve(line))
            return
          }
          // In raw mode the terminal sends no signals: Ctrl-C comes as a letter.
          if (letter === CTRL_C || (letter === CTRL_D && line === '')) {
            cancel()
            return
          }
          if (letter === CTRL_U) {
            if (options.echo) host.err.write('\b \b'.repeat([...line].length))
            line = ''
          } else if (BACKSPACE.includes(letter)) {
            if (options.echo && line !== '') host.err.write('\b \b')
            line = [...line].slice(0, -1).join('')
          } else if (letter >= ' ') {
            line += letter
            if (options.echo) host.err.write(letter)
          }
        }
      }
      stream.on('data', onData)
      stream.on('end', cancel)
      host.signal.addEventListener('abort', cancel, { once: true })
      stream.resume()
    })
  } finally {
    host.in.setRaw(false)
    host.err.write('\n')
  }
}
