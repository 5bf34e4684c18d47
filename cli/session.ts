import type { Client } from './client.ts'
import type { Host } from './host.ts'
import type { GlobalOptions, OutputFormat, PcgCommand } from './pcg-command.ts'

export interface Session {
  readonly client: Client
  readonly format: OutputFormat
}

/** Runs `work` with a client for the broker that the command's options, or else the context, name. */
export async function withSession(
  host: Host,
  command: PcgCommand,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  // Loaded only now, as in every command: help and mistakes must not wait for the TLS library.
  const [{ Client }, { loadContext }] = await Promise.all([import('./client.ts'), import('./config.ts')])
  const options = command.optsWithGlobals<GlobalOptions>()
  const client = new Client(await loadContext(host, options))
  try {
    await work({ client, format: options.output })
  } finally {
    client.close()
  }
}
