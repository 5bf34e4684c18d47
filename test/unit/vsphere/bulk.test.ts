import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BelowOptions, retrieveAllVms, retrieveVms } from '../../../adapters/vsphere/bulk.ts'
import type { BulkChannel } from '../../../adapters/vsphere/bulk-channel.ts'
import type { OpenReply } from '../../../adapters/vsphere/transport.ts'
import { faultOf, vimFault } from '../../../adapters/vsphere/vim-fault.ts'
import type { VmProperty } from '../../../adapters/vsphere/vm-model.ts'

const PROPERTIES: readonly VmProperty[] = ['name', 'runtime.powerState', 'config.hardware', 'summary', 'customValue']

function options(changes: Partial<BelowOptions> = {}): BelowOptions {
  return {
    propertyCollector: { type: 'PropertyCollector', value: 'propertyCollector' },
    viewManager: { type: 'ViewManager', value: 'ViewManager' },
    container: { type: 'Folder', value: 'group-d1' },
    properties: PROPERTIES,
    signal: new AbortController().signal,
    ...changes,
  }
}

interface Vm {
  readonly ref: string
  readonly xml: string
}

/** A vCenter with these VMs, that answers in pieces and, if told so, in pages. */
class Vcenter implements BulkChannel {
  readonly requests: string[] = []
  pageSize = Number.POSITIVE_INFINITY
  /** What to answer instead, once a request holds the text. */
  readonly instead = new Map<string, () => OpenReply>()
  readonly #vms: readonly Vm[]
  readonly #pieceSize: number
  readonly #rest = new Map<string, string[]>()

  constructor(vms: readonly Vm[], pieceSize = 100) {
    this.#vms = vms
    this.#pieceSize = pieceSize
  }

  async post(envelope: string, signal: AbortSignal): Promise<OpenReply> {
    signal.throwIfAborted()
    this.requests.push(envelope)
    for (const [text, answer] of this.instead) if (envelope.includes(text)) return answer()
    return this.answer(200, this.#respond(envelope))
  }

  answer(status: number, body: string): OpenReply {
    const document = `<?xml version="1.0"?>\n<s:Envelope xmlns:s="x"><s:Body>${body}</s:Body></s:Envelope>`
    return { status, chunks: pieces(Buffer.from(document), this.#pieceSize) }
  }

  #respond(envelope: string): string {
    if (envelope.includes('<CreateContainerView ')) return response('CreateContainerView', 'session[1]view&amp;1')
    if (envelope.includes('<DestroyView ')) return '<DestroyViewResponse xmlns="urn:vim25"/>'
    if (envelope.includes('<ContinueRetrievePropertiesEx ')) return this.#page(tokenIn(envelope))
    if (envelope.includes('<pathSet>view</pathSet>')) {
      const refs = this.#vms.map(
        ({ ref }) => `<ManagedObjectReference type="VirtualMachine">${ref}</ManagedObjectReference>`,
      )
      const val = `<val xsi:type="ArrayOfManagedObjectReference">${refs.join('')}</val>`
      return response(
        'RetrievePropertiesEx',
        `<objects><obj>view</obj><propSet><name>view</name>${val}</propSet></objects>`,
      )
    }
    const asked = this.#vms.filter(({ ref }) => envelope.includes(`>${ref}</obj>`)).map(({ xml }) => xml)
    const token = `token<${this.#rest.size}>`
    this.#rest.set(token, asked)
    return this.#page(token, 'RetrievePropertiesEx')
  }

  #page(token: string, method = 'ContinueRetrievePropertiesEx'): string {
    const left = this.#rest.get(token) ?? []
    const page = left.splice(0, this.pageSize)
    const more = left.length > 0 ? `<token>${token.replace('<', '&lt;').replace('>', '&gt;')}</token>` : ''
    return response(method, `${more}${page.join('')}`)
  }
}

function tokenIn(envelope: string): string {
  const token = /<token>(.*)<\/token>/.exec(envelope)?.[1] ?? ''
  return token.replace('&lt;', '<').replace('&gt;', '>')
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

function response(method: string, returned: string): string {
  return `<${method}Response xmlns="urn:vim25"><returnval>${returned}</returnval></${method}Response>`
}

function property(name: string, type: string, value: string): string {
  return `<propSet><name>${name}</name><val xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="${type}">${value}</val></propSet>`
}

function named(ref: string, name: string): Vm {
  return {
    ref,
    xml: `<objects><obj type="VirtualMachine">${ref}</obj>${property('name', 'xsd:string', name)}</objects>`,
  }
}

const HARDWARE = `
  <numCPU>4</numCPU><numCoresPerSocket>2</numCoresPerSocket><memoryMB>8192</memoryMB>
  <device xsi:type="VirtualPCIController"><key>100</key><deviceInfo><label>PCI</label></deviceInfo>
    <busNumber>0</busNumber><device>500</device><device>12000</device></device>
  <device xsi:type="VirtualDisk"><key>2000</key><deviceInfo xsi:type="Description"><label>Hard disk 1</label><summary>1 KB</summary></deviceInfo>
    <backing xsi:type="VirtualDiskFlatVer2BackingInfo"><fileName>[ssd &amp; fast] a/a.vmdk</fileName>
      <datastore type="Datastore">datastore-11</datastore><diskMode>persistent</diskMode><thinProvisioned>true</thinProvisioned></backing>
    <controllerKey>1000</controllerKey><unitNumber>0</unitNumber><capacityInKB>10485760</capacityInKB></device>
  <device xsi:type="VirtualCdrom"><key>3000</key><backing><deviceName>cdrom0</deviceName></backing></device>
  <device xsi:type="VirtualVmxnet3"><key>4000</key><deviceInfo><label>Network adapter 1</label></deviceInfo>
    <backing xsi:type="VirtualEthernetCardDistributedVirtualPortBackingInfo"><port><switchUuid>50 2f</switchUuid>
      <portgroupKey>dvportgroup-13</portgroupKey></port></backing>
    <connectable><startConnected>true</startConnected><connected>true</connected></connectable>
    <macAddress>00:50:56:00:00:01</macAddress></device>
  <device xsi:type="VirtualE1000"><key>4001</key><deviceInfo><label>Network adapter 2</label></deviceInfo>
    <backing xsi:type="VirtualEthernetCardNetworkBackingInfo"><deviceName>VM Network</deviceName>
      <network type="Network">network-7</network></backing></device>`

const SUMMARY = `
  <vm type="VirtualMachine">vm-42</vm>
  <runtime><host type="HostSystem">host-9</host><connectionState>connected</connectionState><powerState>poweredOn</powerState>
    <bootTime>2026-11-22T17:00:00Z</bootTime></runtime>
  <guest><guestId>debian12_64Guest</guestId><toolsStatus>toolsOk</toolsStatus><hostName>web-1</hostName></guest>
  <config><name>web</name><template>false</template><vmPathName>[ssd] a/a.vmx</vmPathName><memorySizeMB>8192</memorySizeMB>
    <numCpu>4</numCpu><uuid>422f</uuid><instanceUuid>502f</instanceUuid><guestId>debian12_64Guest</guestId>
    <guestFullName>Debian GNU/Linux 12 (64-bit)</guestFullName></config>
  <storage><committed>1099511627776</committed><uncommitted>5</uncommitted></storage><overallStatus>green</overallStatus>`

const CUSTOM = ['101', '102'].map(
  (key) =>
    `<CustomFieldValue xsi:type="CustomFieldStringValue"><key>${key}</key><value>mark ${key}</value></CustomFieldValue>`,
)

const EXTRA = [
  ['guestinfo.userdata', 'secret'],
  ['pcg.gateway', 'default/site-1'],
]
  .map(
    ([key, value]) =>
      `<OptionValue xsi:type="OptionValue"><key>${key}</key><value xsi:type="xsd:string">${value}</value></OptionValue>`,
  )
  .join('')

describe('retrieving all VMs', () => {
  it('makes our model of a VM, of its devices the disks and network cards', async () => {
    const xml =
      '<objects><obj type="VirtualMachine">vm-42</obj>' +
      property('name', 'xsd:string', 'Zürich &amp; <![CDATA[<1>]]>') +
      '<propSet><name>parent</name><val type="Folder">group-v3</val></propSet>' +
      property('config.template', 'xsd:boolean', 'false') +
      property('runtime.powerState', 'VirtualMachinePowerState', 'poweredOn') +
      property('config.hardware', 'VirtualHardware', HARDWARE) +
      property('summary', 'VirtualMachineSummary', SUMMARY) +
      property('customValue', 'ArrayOfCustomFieldValue', CUSTOM.join('')) +
      property('config.extraConfig', 'ArrayOfOptionValue', EXTRA) +
      property('somethingElse', 'xsd:string', 'of a newer vCenter') +
      '<missingSet><path>config.uuid</path><fault><fault xsi:type="NoPermission"><object>x</object></fault><localizedMessage>Denied.</localizedMessage></fault></missingSet>' +
      '</objects>'
    const extraConfigKeys = new Set(['pcg.gateway'])
    expect(await retrieveAllVms(new Vcenter([{ ref: 'vm-42', xml }]), options({ extraConfigKeys }))).toEqual([
      {
        ref: 'vm-42',
        name: 'Zürich & <1>',
        parent: 'group-v3',
        template: false,
        powerState: 'poweredOn',
        guestAddress: null,
        uuid: null,
        instanceUuid: null,
        hardware: {
          cpus: 4,
          coresPerSocket: 2,
          memoryMiB: 8192,
          disks: [
            {
              key: 2000,
              label: 'Hard disk 1',
              capacityKiB: 10_485_760,
              file: '[ssd & fast] a/a.vmdk',
              datastore: 'datastore-11',
              thin: true,
              controllerKey: 1000,
              unitNumber: 0,
            },
          ],
          nics: [
            {
              key: 4000,
              label: 'Network adapter 1',
              model: 'VirtualVmxnet3',
              macAddress: '00:50:56:00:00:01',
              network: 'dvportgroup-13',
              connected: true,
            },
            {
              key: 4001,
              label: 'Network adapter 2',
              model: 'VirtualE1000',
              macAddress: null,
              network: 'network-7',
              connected: false,
            },
          ],
        },
        summary: {
          host: 'host-9',
          connectionState: 'connected',
          bootTime: '2026-11-22T17:00:00Z',
          overallStatus: 'green',
          template: false,
          vmPath: '[ssd] a/a.vmx',
          guestId: 'debian12_64Guest',
          guestFullName: 'Debian GNU/Linux 12 (64-bit)',
          guestHostName: 'web-1',
          toolsStatus: 'toolsOk',
          uuid: '422f',
          instanceUuid: '502f',
          cpus: 4,
          memoryMiB: 8192,
          committedBytes: 1_099_511_627_776,
          uncommittedBytes: 5,
        },
        customValues: new Map([
          [101, 'mark 101'],
          [102, 'mark 102'],
        ]),
        extraConfig: new Map([['pcg.gateway', 'default/site-1']]),
        missing: new Map([['config.uuid', vimFault('NoPermission', 'Denied.')]]),
      },
    ])
  })

  it('gives each VM its own values, whatever came before it', async () => {
    const full = `<objects><obj>vm-1</obj>${property('config.hardware', 'VirtualHardware', HARDWARE)}${property('summary', 'VirtualMachineSummary', SUMMARY)}</objects>`
    const bare = `<objects><obj>vm-2</obj>${property('config.hardware', 'VirtualHardware', '<numCPU>1</numCPU>')}</objects>`
    const vms = [full, bare, bare].map((xml, index) => ({
      ref: `vm-${index + 1}`,
      xml: xml.replace('vm-2', `vm-${index + 1}`),
    }))
    const [, second, third] = await retrieveAllVms(new Vcenter(vms), options())
    const hardware = { cpus: 1, coresPerSocket: 1, memoryMiB: 0, disks: [], nics: [] }
    expect(second).toMatchObject({ ref: 'vm-2', hardware, summary: null })
    expect(third).toEqual({ ...second, ref: 'vm-3' })
  })

  it('gives every VM once and in order, whatever the portions, pages and pieces', async () => {
    const counts = fc.record({
      vms: fc.nat({ max: 900 }),
      page: fc.integer({ min: 1, max: 300 }),
      piece: fc.integer({ min: 50, max: 5000 }),
    })
    await fc.assert(
      fc.asyncProperty(counts, async ({ vms, page, piece }) => {
        const all = Array.from({ length: vms }, (_, index) => named(`vm-${index}`, `name ${index}`))
        const vcenter = new Vcenter(all, piece)
        vcenter.pageSize = page
        const found = await retrieveAllVms(vcenter, options())
        expect(found.map(({ ref, name }) => [ref, name])).toEqual(all.map(({ ref }, index) => [ref, `name ${index}`]))
      }),
      { numRuns: 15 },
    )
  })

  it('gives those that are asked for, of which some are gone meanwhile', async () => {
    const notFound = '<fault><fault xsi:type="ManagedObjectNotFound"/></fault>'
    const gone = `<objects><obj>vm-2</obj><missingSet><path>name</path>${notFound}</missingSet></objects>`
    const vcenter = new Vcenter([
      named('vm-1', 'a'),
      { ref: 'vm-2', xml: gone },
      named('vm-3', 'c'),
      named('vm-4', 'd'),
    ])
    const wanted = ['vm-1', 'vm-2', 'vm-4', 'vm-5'].map((value) => ({ type: 'VirtualMachine', value }))
    const found = await retrieveVms(vcenter, wanted, options())
    expect(found.map(({ ref, name }) => [ref, name])).toEqual([
      ['vm-1', 'a'],
      ['vm-4', 'd'],
    ])
    expect(await retrieveVms(vcenter, [], options())).toEqual([])
  })

  it('asks for exactly the properties that were asked for', async () => {
    const vcenter = new Vcenter([named('vm-1', 'a')])
    await retrieveAllVms(vcenter, options({ properties: ['name', 'summary'] }))
    const asked = vcenter.requests.find((request) => request.includes('>vm-1</obj>')) ?? ''
    expect(asked.match(/<pathSet>[^<]*/g)).toEqual(['<pathSet>name', '<pathSet>summary'])
  })

  it('destroys its view, whatever the outcome', async () => {
    const vcenter = new Vcenter([named('vm-1', 'a')])
    await retrieveAllVms(vcenter, options())
    vcenter.instead.set('>vm-1</obj>', () => vcenter.answer(500, fault('NoPermission', 'denied')))
    await expect(retrieveAllVms(vcenter, options())).rejects.toThrow()
    const destroyed = vcenter.requests.filter((request) => request.includes('<DestroyView '))
    expect(destroyed).toHaveLength(2)
    expect(destroyed[0]).toContain('session[1]view&amp;1')
  })
})

function fault(type: string, words: string): string {
  return `<s:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${words}</faultstring><detail><${type}Fault xmlns="urn:vim25" xsi:type="${type}"><object type="Folder">group-d1</object></${type}Fault></detail></s:Fault>`
}

describe('a retrieval that fails', () => {
  const vms = [named('vm-1', 'a')]

  it.each([
    ['NotAuthenticated', 'unauthenticated'],
    ['NoPermission', 'denied'],
    ['RuntimeFault', 'internal'],
  ])("throws vCenter's %s in its own words", async (type, code) => {
    const vcenter = new Vcenter(vms)
    vcenter.instead.set('>vm-1</obj>', () => vcenter.answer(500, fault(type, 'It &amp; that were refused.')))
    const error = await retrieveAllVms(vcenter, options()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message: 'It & that were refused.' })
    expect(faultOf(error)?.type).toBe(type)
  })

  it('does not take a session that is gone for properties that are not set', async () => {
    const empty =
      '<objects><obj>vm-1</obj><missingSet><path>name</path><fault><fault xsi:type="NotAuthenticated"/></fault></missingSet></objects>'
    await expect(retrieveAllVms(new Vcenter([{ ref: 'vm-1', xml: empty }]), options())).rejects.toMatchObject({
      code: 'unauthenticated',
    })
  })

  it('does not take half an answer for a whole one', async () => {
    const vcenter = new Vcenter(vms)
    const half = Buffer.from('<Envelope><Body><RetrievePropertiesExResponse><returnval><objects>')
    vcenter.instead.set('>vm-1</obj>', () => ({ status: 200, chunks: pieces(half, 10) }))
    await expect(retrieveAllVms(vcenter, options())).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('says that a connection was lost', async () => {
    const vcenter = new Vcenter(vms)
    vcenter.instead.set('>vm-1</obj>', () => ({ status: 200, chunks: lost() }))
    await expect(retrieveAllVms(vcenter, options())).rejects.toMatchObject({ code: 'interrupted' })
  })

  it('stops asking when it is aborted', async () => {
    const stop = new AbortController()
    const vcenter = new Vcenter(Array.from({ length: 2000 }, (_, index) => named(`vm-${index}`, 'a')))
    vcenter.instead.set('>vm-600</obj>', () => {
      stop.abort()
      return vcenter.answer(200, response('RetrievePropertiesEx', ''))
    })
    await expect(retrieveAllVms(vcenter, options({ signal: stop.signal }))).rejects.toMatchObject({ code: 'cancelled' })
    expect(vcenter.requests.some((request) => request.includes('>vm-1999</obj>'))).toBe(false)
  })
})

async function* lost(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('<Envelope><Body>')
  throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}
