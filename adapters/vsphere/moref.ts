/** A managed object reference: vCenter's name for one of its objects, such as VirtualMachine vm-42. */
export interface MoRef {
  readonly type: string
  readonly value: string
}

/** A reference as node-soap writes it. */
export interface SoapRef {
  readonly attributes: { readonly type: string }
  readonly $value: string
}

export function soapRef(ref: MoRef): SoapRef {
  return { attributes: { type: ref.type }, $value: ref.value }
}

export function sameRef(one: MoRef, other: MoRef): boolean {
  return one.value === other.value && one.type === other.type
}
