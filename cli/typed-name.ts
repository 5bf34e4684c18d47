import type { Host } from './host.ts'

/** How this command line is typed where it runs: in a checkout, where it is not on PATH, npm finds it. */
export function typedName(host: Host): 'pcg' | 'npx pcg' {
  return host.env.npm_command === undefined ? 'pcg' : 'npx pcg'
}
