import type { OpenstackCloud } from './client/cloud.ts'
import type { QueryValue } from './client/service.ts'
import type { ServiceType } from './client/service-type.ts'

/** All items of a list, page after page. */
export async function listAll<T = unknown>(
  cloud: OpenstackCloud,
  service: ServiceType,
  path: string,
  key: string,
  query: Readonly<Record<string, QueryValue>>,
  signal: AbortSignal,
): Promise<T[]> {
  const found: T[] = []
  for await (const page of cloud.service(service).pages<T>(path, key, { signal, query })) found.push(...page)
  return found
}
