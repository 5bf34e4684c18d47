import { type Agent, request } from 'node:https'

export interface Login {
  readonly host: string
  readonly port: number
  readonly agent: Agent
  readonly username: string
  readonly password: string
}

/** Logs in to a vCenter by one plain SOAP call; gives the session's cookie. */
export function logIn({ host, port, agent, username, password }: Login): Promise<string> {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  const envelope =
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>' +
    '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>' +
    `<userName>${escaped(username)}</userName><password>${escaped(password)}</password>` +
    '</Login></soapenv:Body></soapenv:Envelope>'
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const outgoing = request({ host, port, path: '/sdk', method: 'POST', agent }, (response) => {
    response.resume()
    const [line = ''] = response.headers['set-cookie'] ?? []
    if (response.statusCode === 200) resolve(line.split(';')[0] ?? '')
    else reject(new Error(`the login was answered by HTTP ${response.statusCode}`))
  })
  outgoing.once('error', reject)
  outgoing.end(envelope)
  return promise
}
