/** Asks vCenter what the logged-in user may do on which object. */
import type { Finding } from '../../resources/query.ts'
import { type MoRef, soapRef } from './moref.ts'
import { MINIMAL_ROLE, type Scope } from './privileges.ts'
import type { Session } from './session.ts'
import { flag, list, ref, text } from './soap-value.ts'

/** An object, as people know it, and what it is used as. */
export interface Subject {
  readonly scope: Scope
  readonly ref: MoRef
  readonly name: string
}

export interface Checked extends Subject {
  readonly missing: readonly string[]
}

/** For each subject, which privileges of its scope the user lacks. */
export async function checkPrivileges(
  session: Session,
  subjects: readonly Subject[],
  signal: AbortSignal,
): Promise<Checked[]> {
  const { content, key } = await session.current(signal)
  const scopes = [...new Set(subjects.map(({ scope }) => scope))]
  const checked: Checked[] = []
  for (const scope of scopes) {
    const group = subjects.filter((subject) => subject.scope === scope)
    const answer = await session.read(
      'HasPrivilegeOnEntities',
      content.authorizationManager,
      {
        entity: group.map((subject) => soapRef(subject.ref)),
        sessionId: key,
        privId: MINIMAL_ROLE[scope].map(({ id }) => id),
      },
      { signal },
    )
    checked.push(...compare(group, answer))
  }
  return checked
}

/** From vCenter's answer; a privilege or object that it says nothing of counts as missing. Pure. */
export function compare(subjects: readonly Subject[], answer: unknown): Checked[] {
  const granted = new Map(
    list(answer).map((entity) => [
      ref(entity, 'entity')?.value,
      new Set(
        list(entity, 'privAvailability').flatMap((one) => {
          const id = text(one, 'privId')
          return flag(one, 'isGranted') === true && id !== undefined ? [id] : []
        }),
      ),
    ]),
  )
  return subjects.map((subject) => ({
    ...subject,
    missing: MINIMAL_ROLE[subject.scope].map(({ id }) => id).filter((id) => !granted.get(subject.ref.value)?.has(id)),
  }))
}

export function missingPrivileges({ scope, name, missing }: Checked): Finding {
  return {
    severity: 'error',
    subject: `${KINDS[scope]} ${name}`,
    message: `the user lacks ${missing.join(', ')}`,
    remedy: `Grant ${missing.length > 1 ? 'these privileges' : 'this privilege'} on ${name} (docs/vsphere-role.md has the whole role).`,
  }
}

export const KINDS: Readonly<Record<Scope, string>> = {
  vcenter: 'vCenter',
  folder: 'folder',
  'resource-pool': 'resource pool',
  datastore: 'datastore',
  network: 'network',
  template: 'template',
}
