import type { Item } from '../api-types.ts'
import type { Output } from '../host.ts'
import { isObject } from '../is-object.ts'

/** Writes values for programs: JSON as one text, YAML with a document for each value of a list. */
export async function writeDocument(output: Output, format: 'json' | 'yaml', value: unknown): Promise<void> {
  if (format === 'json') {
    output.write(`${JSON.stringify(value, null, 2)}\n`)
    return
  }
  const { stringify } = await import('yaml')
  const documents = Array.isArray(value) ? value : [value]
  const text = (document: unknown): string => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })
  output.write(documents.map(text).join('---\n'))
}

/** Writes a list for programs: JSON as an object with the list in `field`, YAML with a document for each entry. */
export async function writeList(
  output: Output,
  format: 'json' | 'yaml',
  field: string,
  list: readonly unknown[],
): Promise<void> {
  await writeDocument(output, format, format === 'json' ? { [field]: list } : list)
}

/** An item as the resource that it is, which may be applied again, with what is known of it in `status`. */
export function itemDocument(item: Item): object {
  if (!('resource' in item))
    return {
      apiVersion: 'pcg/v1',
      kind: item.kind,
      metadata: { name: item.name },
      status: { ...item.status, updatedAt: item.updatedAt },
    }
  const { resource, generation, deleting, createdAt, updatedAt, status } = item
  return {
    ...resource,
    status: { generation, deleting, createdAt, updatedAt, ...(isObject(status) ? status : {}) },
  }
}
