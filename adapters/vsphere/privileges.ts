/**
 * The least that the account's user must be allowed, by the object on which vCenter asks for it. `verify` and `preflight` check against
 * this, and docs/vsphere-role.md is made from it.
 */

/** What of the inventory a group of privileges is needed on. */
export type Scope = 'vcenter' | 'folder' | 'resource-pool' | 'datastore' | 'network' | 'template'

export interface Privilege {
  /** As the API calls it. */
  readonly id: string
  /** As vCenter's client shows it. */
  readonly label: string
  readonly why: string
}

export const MINIMAL_ROLE: Readonly<Record<Scope, readonly Privilege[]>> = {
  vcenter: [
    { id: 'System.View', label: 'System › View', why: 'see the inventory' },
    { id: 'System.Read', label: 'System › Read', why: 'read properties of the inventory' },
    {
      id: 'Global.ManageCustomFields',
      label: 'Global › Manage custom attributes',
      why: 'define the pcg-* attributes once',
    },
  ],
  folder: [
    {
      id: 'VirtualMachine.Inventory.CreateFromExisting',
      label: 'Virtual machine › Edit inventory › Create from existing',
      why: 'clone the template',
    },
    {
      id: 'VirtualMachine.Inventory.Delete',
      label: 'Virtual machine › Edit inventory › Remove',
      why: 'delete machines',
    },
    { id: 'VirtualMachine.Interact.PowerOn', label: 'Virtual machine › Interaction › Power on', why: 'start machines' },
    {
      id: 'VirtualMachine.Interact.PowerOff',
      label: 'Virtual machine › Interaction › Power off',
      why: 'stop machines',
    },
    {
      id: 'VirtualMachine.Config.CPUCount',
      label: 'Virtual machine › Change configuration › Change CPU count',
      why: 'give machines their CPUs',
    },
    {
      id: 'VirtualMachine.Config.Memory',
      label: 'Virtual machine › Change configuration › Change memory',
      why: 'give machines their memory',
    },
    {
      id: 'VirtualMachine.Config.AddNewDisk',
      label: 'Virtual machine › Change configuration › Add new disk',
      why: 'add further disks',
    },
    {
      id: 'VirtualMachine.Config.DiskExtend',
      label: 'Virtual machine › Change configuration › Extend virtual disk',
      why: 'grow the first disk',
    },
    {
      id: 'VirtualMachine.Config.AddRemoveDevice',
      label: 'Virtual machine › Change configuration › Add or remove device',
      why: 'leave each machine one network card',
    },
    {
      id: 'VirtualMachine.Config.EditDevice',
      label: 'Virtual machine › Change configuration › Modify device settings',
      why: 'connect the network card',
    },
    {
      id: 'VirtualMachine.Config.AdvancedConfig',
      label: 'Virtual machine › Change configuration › Advanced configuration',
      why: 'set guestinfo for cloud-init, and the owner mark',
    },
    {
      id: 'VirtualMachine.Config.Settings',
      label: 'Virtual machine › Change configuration › Change settings',
      why: 'set instanceUuid, by which a machine is found again',
    },
    {
      id: 'VirtualMachine.Config.Annotation',
      label: 'Virtual machine › Change configuration › Set annotation',
      why: 'say in the notes whose the machine is',
    },
    { id: 'Global.SetCustomField', label: 'Global › Set custom attribute', why: 'label the VMs for people' },
  ],
  'resource-pool': [
    {
      id: 'Resource.AssignVMToPool',
      label: 'Resource › Assign virtual machine to resource pool',
      why: 'run machines there',
    },
  ],
  datastore: [
    { id: 'Datastore.AllocateSpace', label: 'Datastore › Allocate space', why: 'keep machines’ disks there' },
  ],
  network: [{ id: 'Network.Assign', label: 'Network › Assign network', why: 'connect machines' }],
  template: [
    {
      id: 'VirtualMachine.Provisioning.DeployTemplate',
      label: 'Virtual machine › Provisioning › Deploy template',
      why: 'clone it',
    },
    {
      id: 'VirtualMachine.Provisioning.Clone',
      label: 'Virtual machine › Provisioning › Clone virtual machine',
      why: 'link clones to its snapshot',
    },
  ],
}

const TITLES: Readonly<Record<Scope, string>> = {
  vcenter: 'The vCenter itself (its root folder)',
  folder: 'The folder of the placement, or the datacenter',
  'resource-pool': 'The resource pool or cluster of the placement',
  datastore: 'The datastore of the placement',
  network: 'The network of the placement',
  template: 'The template',
}

/** docs/vsphere-role.md. */
export function roleDocument(): string {
  const scopes = Object.entries(MINIMAL_ROLE) as [Scope, readonly Privilege[]][]
  const tables = scopes.map(([scope, privileges]) =>
    [
      `## ${TITLES[scope]}`,
      '',
      '| Privilege | In the API | Needed to |',
      '|---|---|---|',
      ...privileges.map(({ id, label, why }) => `| ${label} | \`${id}\` | ${why} |`),
    ].join('\n'),
  )
  const all = [...new Set(scopes.flatMap(([, privileges]) => privileges.map(({ id }) => id)))]
  return [
    '# The role that a vSphere account needs',
    '',
    'The least that the user of a `CloudAccount` with `cloud: vsphere` must be allowed, by the object. `pcg verify NAME`',
    'says which of it is missing on which object. Grant each on the object named, with propagation to its children;',
    'or put all of it into one role and grant that on the datacenter, and on the vCenter without propagation.',
    '',
    'This file is made from `adapters/vsphere/privileges.ts`; a test compares the two.',
    '',
    tables.join('\n\n'),
    '',
    '## As one role',
    '',
    '```sh',
    `govc role.create PrivateCloudGateway \\\n  ${all.filter((id) => !id.startsWith('System.')).join(' \\\n  ')}`,
    '```',
    '',
    'vCenter adds the `System.*` privileges to every role by itself.',
    '',
    '## Which rights the gateway does not need',
    '',
    'No access to hosts, to the guest operating system, to snapshots, or to VMs outside the placement beyond reading their name and',
    'advanced configuration: the latter tells the gateway which VMs are its own. cloud-init user-data with join secrets stands in a',
    'machine’s `guestinfo.userdata` until its guest has read it and cleared it, within the first seconds of its first boot. Until then,',
    'and for as long as the guest doesn’t boot, whoever may read the advanced configuration of these VMs can read it.',
    '',
  ].join('\n')
}
