/** How the properties of a VM become a VmRecord. Types and fields are those of the vSphere Web Services API reference. */
import { count, flag, ownText, sharedText } from './bulk-field.ts'
import { hardwareRule } from './bulk-hardware.ts'
import { children, type Rule } from './bulk-rule.ts'
import { type VimFault, vimFault } from './vim-fault.ts'
import type { VmProperty, VmRecord, VmSummary } from './vm-model.ts'

const NO_KEYS: ReadonlySet<string> = new Set()

type Draft<T> = { -readonly [K in keyof T]: T[K] }

/**
 * Makes a VmRecord of each element of the type ObjectContent, and hands it on.
 * @param extraConfigKeys which entries of extraConfig to keep.
 */
export function vmRule(found: (vm: VmRecord) => void, extraConfigKeys: ReadonlySet<string> = NO_KEYS): Rule {
  let vm = emptyVm()
  let path = ''
  let customValues = new Map<number, string>()
  let extraConfig = new Map<string, string>()
  let missing = new Map<string, VimFault>()
  let fault = { type: '', message: '' }
  const enter = ownText((value) => {
    path = value
  })
  const properties = new Map<string, Rule>(
    Object.entries({
      name: ownText((value) => {
        vm.name = value
      }),
      parent: sharedText((value) => {
        vm.parent = value
      }),
      'runtime.powerState': sharedText((value) => {
        vm.powerState = powerState(value)
      }),
      'guest.ipAddress': ownText((value) => {
        vm.guestAddress = value
      }),
      'config.template': flag((value) => {
        vm.template = value
      }),
      'config.uuid': ownText((value) => {
        vm.uuid = value
      }),
      'config.instanceUuid': ownText((value) => {
        vm.instanceUuid = value
      }),
      'config.hardware': hardwareRule((value) => {
        vm.hardware = value
      }),
      'config.extraConfig': extraConfigRule(extraConfigKeys, (key, value) => extraConfig.set(key, value)),
      customValue: customValueRule((key, value) => customValues.set(key, value)),
      summary: summaryRule((value) => {
        vm.summary = value
      }),
    } satisfies Record<VmProperty, Rule>),
  )
  const missingRule: Rule = {
    begin: () => {
      fault = { type: '', message: '' }
    },
    children: children({
      path: enter,
      fault: {
        children: children({
          fault: {
            choose: (type) => {
              fault.type = type
              return undefined
            },
          },
          localizedMessage: ownText((value) => {
            fault.message = value
          }),
        }),
      },
    }),
    end: () => missing.set(path, vimFault(fault.type, fault.message)),
  }
  return {
    children: children({
      obj: ownText((value) => {
        vm.ref = value
      }),
      propSet: { children: children({ name: enter, val: { choose: () => properties.get(path) } }) },
      missingSet: missingRule,
    }),
    end: () => {
      found({ ...vm, customValues, extraConfig, missing })
      vm = emptyVm()
      customValues = new Map()
      extraConfig = new Map()
      missing = new Map()
    },
  }
}

/** An array of CustomFieldStringValue. */
function customValueRule(found: (key: number, value: string) => void): Rule {
  let key = 0
  const value: Rule = {
    children: children({
      key: count((number) => {
        key = number
      }),
      value: ownText((text) => found(key, text)),
    }),
  }
  return { children: children({ CustomFieldValue: value }) }
}

/** An array of OptionValue, of which only some are kept. */
function extraConfigRule(keys: ReadonlySet<string>, found: (key: string, value: string) => void): Rule {
  let key = ''
  const kept = ownText((value) => found(key, value))
  const option: Rule = {
    children: children({
      key: ownText((value) => {
        key = value
      }),
      value: { choose: () => (keys.has(key) ? kept : undefined) },
    }),
  }
  return { children: children({ OptionValue: option }) }
}

/** `VirtualMachineSummary`. */
function summaryRule(found: (summary: VmSummary) => void): Rule {
  let summary = emptySummary()
  const own = (field: TextField): Rule =>
    ownText((value) => {
      summary[field] = value
    })
  const shared = (field: TextField): Rule =>
    sharedText((value) => {
      summary[field] = value
    })
  const number = (field: NumberField): Rule =>
    count((value) => {
      summary[field] = value
    })
  const template = flag((value) => {
    summary.template = value
  })
  return {
    children: children({
      runtime: {
        children: children({
          host: shared('host'),
          connectionState: shared('connectionState'),
          bootTime: own('bootTime'),
        }),
      },
      guest: { children: children({ toolsStatus: shared('toolsStatus'), hostName: own('guestHostName') }) },
      config: {
        children: children({
          template,
          vmPathName: own('vmPath'),
          memorySizeMB: number('memoryMiB'),
          numCpu: number('cpus'),
          uuid: own('uuid'),
          instanceUuid: own('instanceUuid'),
          guestId: shared('guestId'),
          guestFullName: shared('guestFullName'),
        }),
      },
      storage: { children: children({ committed: number('committedBytes'), uncommitted: number('uncommittedBytes') }) },
      overallStatus: shared('overallStatus'),
    }),
    end: () => {
      found(summary)
      summary = emptySummary()
    },
  }
}

type FieldsOf<T> = { [K in keyof VmSummary]-?: [VmSummary[K]] extends [T | null] ? K : never }[keyof VmSummary]
type TextField = FieldsOf<string>
type NumberField = FieldsOf<number>

function powerState(value: string): VmRecord['powerState'] {
  return value === 'poweredOn' || value === 'poweredOff' || value === 'suspended' ? value : null
}

type VmDraft = Draft<Omit<VmRecord, 'customValues' | 'extraConfig' | 'missing'>>

function emptyVm(): VmDraft {
  return {
    ref: '',
    name: null,
    parent: null,
    template: null,
    powerState: null,
    guestAddress: null,
    uuid: null,
    instanceUuid: null,
    hardware: null,
    summary: null,
  }
}

function emptySummary(): Draft<VmSummary> {
  return {
    host: null,
    connectionState: null,
    bootTime: null,
    overallStatus: null,
    template: false,
    vmPath: null,
    guestId: null,
    guestFullName: null,
    guestHostName: null,
    toolsStatus: null,
    uuid: null,
    instanceUuid: null,
    cpus: null,
    memoryMiB: null,
    committedBytes: null,
    uncommittedBytes: null,
  }
}
