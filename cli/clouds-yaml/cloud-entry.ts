/** One cloud of a clouds.yaml, with `secure.yaml` merged into it: the format of os-client-config and openstacksdk. Pure. */
import { nearName } from '../../resources/near-name.ts'
import type { ErrorDetail } from '../../runtime/pcg-error.ts'
import { PcgError } from '../../runtime/pcg-error.ts'
import { isObject } from '../is-object.ts'

type Tree = Readonly<Record<string, unknown>>

/** Every scalar is the text that stands in the file: no number, no boolean. */
export interface CloudEntry {
  readonly file: string
  readonly name: string
  /** Keys with underscores, `auth` left out. */
  readonly fields: Tree
  readonly auth: Tree
}

/**
 * @param secure what `secure.yaml` says, which goes first
 * @param wanted the only one if undefined
 * @param region of several, the one that is meant
 * Throws `invalid`, which names those that there are.
 */
export function chooseCloud(
  file: string,
  text: unknown,
  secure: unknown,
  { cloud: wanted, region }: { readonly cloud: string | undefined; readonly region: string | undefined },
): CloudEntry {
  const clouds = isTree(text) ? text.clouds : undefined
  const names = isTree(clouds) ? Object.keys(clouds) : []
  if (!isTree(clouds) || names.length === 0)
    throw new PcgError('invalid', 'has no clouds', {
      subject: file,
      remedy: 'A clouds.yaml has `clouds:`, below it the name of a cloud, and below that `auth:`.',
    })
  const name = wanted ?? (names.length === 1 ? names[0] : undefined)
  if (name === undefined)
    throw new PcgError('invalid', `has ${names.length} clouds: ${names.join(', ')}`, {
      subject: file,
      remedy: 'Say which one with --cloud.',
    })
  const cloud = clouds[name]
  if (!isTree(cloud)) {
    const near = nearName(name, names)
    const there = `It has ${names.join(', ')}.`
    throw new PcgError('invalid', names.includes(name) ? 'is empty' : 'is not in it', {
      subject: `${file}: clouds.${name}`,
      remedy: near === undefined || near === name ? there : `Did you mean ${near}? ${there}`,
    })
  }
  const hidden = isTree(secure) && isTree(secure.clouds) ? secure.clouds[name] : undefined
  const merged = merge(normal(cloud), isTree(hidden) ? normal(hidden) : {})
  const chosen = withRegion(file, name, merged, region)
  const { auth, ...fields } = chosen
  return { file, name, fields, auth: isTree(auth) ? normal(auth) : {} }
}

/** `regions` has names, or names with values of their own. */
function withRegion(file: string, name: string, cloud: Tree, wanted: string | undefined): Tree {
  const { regions, ...fields } = cloud
  const list = (Array.isArray(regions) ? regions : []).map((region: unknown) =>
    isTree(region)
      ? { name: textOf(region.name), values: isTree(region.values) ? normal(region.values) : {} }
      : { name: textOf(region), values: {} },
  )
  const region = wanted ?? (textOf(fields.region_name) || (list.length === 1 ? list[0]?.name : undefined))
  if (list.length === 0) return region === undefined ? fields : { ...fields, region_name: region }
  const names = list.map((each) => each.name).join(', ')
  const subject = `${file}: clouds.${name}.regions`
  if (region === undefined)
    throw new PcgError('invalid', `has ${list.length} regions: ${names}`, {
      subject,
      remedy: 'Say which one with --region.',
    })
  const chosen = list.find((each) => each.name === region)
  if (chosen === undefined)
    throw new PcgError('invalid', `has no region ${region}, but ${names}`, { subject, remedy: 'Name one of these.' })
  return { ...merge(fields, chosen.values), region_name: region }
}

/** Where the field stands, for an error. */
export function problemAt({ file, name }: CloudEntry, field: string, message: string, remedy: string): ErrorDetail {
  return { subject: `${file}: clouds.${name}.${field}`, message, remedy }
}

/** Of the field, or of the one within `auth`; empty where there is none. YAML's ways to say nothing count as nothing. */
export function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '~' && value.toLowerCase() !== 'null' ? value : ''
}

export function isTree(value: unknown): value is Tree {
  return isObject(value) && !Array.isArray(value)
}

/** `user-domain-name` counts as `user_domain_name`. */
function normal(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).map(([key, value]) => [key.replaceAll('-', '_'), value]))
}

function merge(below: Tree, above: Tree): Tree {
  const merged: Record<string, unknown> = { ...below }
  for (const [key, value] of Object.entries(above)) {
    const before = merged[key]
    merged[key] = isTree(before) && isTree(value) ? merge(normal(before), normal(value)) : value
  }
  return merged
}
