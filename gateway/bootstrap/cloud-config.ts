import { gzipSync } from 'node:zlib'

export interface CloudFile {
  readonly path: string
  /** Of root; secrets are 0600. */
  readonly mode: '0600' | '0644' | '0755'
  readonly content: string
  /** For what is long and nobody reads on the machine. */
  readonly compress?: boolean
}

export interface CloudConfig {
  readonly hostname: string
  readonly sshAuthorizedKeys: readonly string[]
  readonly packages: readonly string[]
  /** Written before any command runs. */
  readonly files: readonly CloudFile[]
  /** At the end of the first boot, in order; each is a program with its arguments. */
  readonly commands: readonly (readonly string[])[]
}

/** cloud-init's user-data, as YAML that stays readable on the machine (`cloud-init query userdata`). */
export function renderCloudConfig(config: CloudConfig): string {
  return [
    '#cloud-config',
    `hostname: ${scalar(config.hostname)}`,
    'preserve_hostname: false',
    ...listOf('ssh_authorized_keys', config.sshAuthorizedKeys.map(scalar)),
    ...listOf('packages', config.packages.map(scalar)),
    ...listOf('write_files', config.files.map(renderFile)),
    ...listOf(
      'runcmd',
      config.commands.map((command) => `[${command.map(scalar).join(', ')}]`),
    ),
    '',
  ].join('\n')
}

function listOf(key: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : [`${key}:`, ...items.map((item) => `  - ${item}`)]
}

function renderFile(file: CloudFile): string {
  const head = [`path: ${file.path}`, `permissions: '${file.mode}'`]
  const content = file.compress
    ? ['encoding: gz+b64', `content: ${gzipSync(file.content, { level: 9 }).toString('base64')}`]
    : [`content: ${block(file.content)}`]
  return [...head, ...content].join('\n    ')
}

/** A literal block (YAML 1.2, 8.1.2) where the text is one that survives it unchanged; quoted otherwise. */
function block(text: string): string {
  const fits = /^\S[\x20-\x7e\n\t]*\S\n$/.test(text)
  if (!fits) return scalar(text)
  return `|\n${text.trimEnd().replace(/^(?=.)/gm, '      ')}`
}

/** Every JSON string is a double-quoted scalar of YAML with the same meaning. */
function scalar(text: string): string {
  return JSON.stringify(text)
}
