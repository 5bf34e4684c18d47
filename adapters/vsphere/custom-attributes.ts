/** The mark once more as custom attributes, for people who look at a VM in vCenter's client. Nothing relies on them. */
import type { OwnerMark } from '../adapter.ts'
import { type MoRef, soapRef } from './moref.ts'
import { CUSTOM_ATTRIBUTES } from './owner-mark.ts'
import { retrieveObject } from './properties.ts'
import type { Session } from './session.ts'
import { list, number, text } from './soap-value.ts'
import { faultOf } from './vim-fault.ts'

type MarkField = keyof typeof CUSTOM_ATTRIBUTES
type FieldKeys = Readonly<Record<MarkField, number>>

const FIELDS = Object.keys(CUSTOM_ATTRIBUTES) as readonly MarkField[]

export class CustomAttributes {
  readonly #session: Session
  /** Found or made once; forgotten if that failed. */
  #keys: Promise<FieldKeys> | undefined

  constructor(session: Session) {
    this.#session = session
  }

  async label(vm: MoRef, owner: OwnerMark, signal: AbortSignal): Promise<void> {
    this.#keys ??= this.#ensure(signal)
    const keys = await this.#keys.catch((error: unknown) => {
      this.#keys = undefined
      throw error
    })
    const { content } = await this.#session.current(signal)
    for (const name of FIELDS) {
      const args = { entity: soapRef(vm), key: keys[name], value: owner[name] }
      await this.#session.act('SetField', content.customFieldsManager, args, { signal })
    }
  }

  async #ensure(signal: AbortSignal): Promise<FieldKeys> {
    const [gateway, cluster, machine] = [
      await this.#ensureField(CUSTOM_ATTRIBUTES.gateway, signal),
      await this.#ensureField(CUSTOM_ATTRIBUTES.cluster, signal),
      await this.#ensureField(CUSTOM_ATTRIBUTES.machine, signal),
    ]
    return { gateway, cluster, machine }
  }

  async #ensureField(name: string, signal: AbortSignal): Promise<number> {
    const known = await this.#find(name, signal)
    if (known !== undefined) return known
    const { content } = await this.#session.current(signal)
    try {
      const args = { name, moType: 'VirtualMachine' }
      const made = await this.#session.act('AddCustomFieldDef', content.customFieldsManager, args, { signal })
      return number(made, 'key') ?? 0
    } catch (error) {
      if (faultOf(error)?.type !== 'DuplicateName') throw error
      const other = await this.#find(name, signal)
      if (other === undefined) throw error
      return other
    }
  }

  async #find(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { content } = await this.#session.current(signal)
    const values = await retrieveObject(this.#session, content.customFieldsManager, ['field'], signal)
    return number(
      list(values.get('field')).find((one) => text(one, 'name') === name),
      'key',
    )
  }
}
