/** The SOAP requests of a bulk retrieval, in the element order of the vSphere Web Services API. */
import type { MoRef } from './moref.ts'
import type { VmProperty } from './vm-model.ts'

export function createContainerView(viewManager: MoRef, container: MoRef): string {
  const below = `${refXml('container', container)}<type>VirtualMachine</type><recursive>true</recursive>`
  return call('CreateContainerView', viewManager, below)
}

export function destroyView(view: MoRef): string {
  return call('DestroyView', view, '')
}

/** Which objects the view holds; not what they are. */
export function retrieveViewed(collector: MoRef, view: MoRef): string {
  const wanted = `<propSet><type>${view.type}</type><pathSet>view</pathSet></propSet>`
  return call('RetrievePropertiesEx', collector, `<specSet>${wanted}${objectXml(view)}</specSet><options></options>`)
}

/** A VM that was deleted meanwhile is left out of the answer, or stands there with the fault ManagedObjectNotFound. */
export function retrieveProperties(collector: MoRef, vms: readonly MoRef[], properties: readonly VmProperty[]): string {
  const paths = properties.map((path) => `<pathSet>${path}</pathSet>`).join('')
  const wanted = `<propSet><type>VirtualMachine</type>${paths}</propSet>`
  const spec = `${wanted}${vms.map(objectXml).join('')}<reportMissingObjectsInResults>true</reportMissingObjectsInResults>`
  return call('RetrievePropertiesEx', collector, `<specSet>${spec}</specSet><options></options>`)
}

export function continueRetrieve(collector: MoRef, token: string): string {
  return call('ContinueRetrievePropertiesEx', collector, `<token>${escaped(token)}</token>`)
}

function call(method: string, on: MoRef, body: string): string {
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>' +
    `<${method} xmlns="urn:vim25">${refXml('_this', on)}${body}</${method}></soapenv:Body></soapenv:Envelope>`
  )
}

function objectXml(object: MoRef): string {
  return `<objectSet>${refXml('obj', object)}<skip>false</skip></objectSet>`
}

function refXml(element: string, { type, value }: MoRef): string {
  return `<${element} type="${type}">${escaped(value)}</${element}>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
