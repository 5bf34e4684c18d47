/** What each service says of a failure, and what it means. */
import { describe, expect, it } from 'vitest'
import { codeOfFault, mayHaveBeenDone, readFault } from '../../../../adapters/openstack/client/openstack-fault.ts'
import { retryAfterMs } from '../../../../adapters/openstack/client/retry-after.ts'
import { PcgError } from '../../../../runtime/pcg-error.ts'

function fault(status: number, body: object | string, headers: Readonly<Record<string, string>> = {}, method = 'POST') {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const reply = { status, body: text, header: (name: string) => headers[name] }
  return readFault(reply, { method: method === 'GET' ? 'GET' : 'POST', path: '/servers', secrets: [] }, 0)
}

const nova = (type: string, message: string) => ({ [type]: { code: 0, message } })
const neutron = (type: string, message: string) => ({ NeutronError: { type, message, detail: '' } })

describe('the words of a fault', () => {
  it.each([
    [
      'nova and cinder',
      nova('itemNotFound', 'Instance x could not be found.'),
      'itemNotFound',
      'Instance x could not be found.',
    ],
    ['neutron', neutron('PortInUse', 'Port p is in use.'), 'PortInUse', 'Port p is in use.'],
    ['neutron in short', { NeutronError: 'odd request' }, 'NeutronError', 'odd request'],
    ['keystone', { error: { code: 404, title: 'Not Found', message: 'No such user.' } }, 'Not Found', 'No such user.'],
    [
      'placement',
      {
        errors: [
          { status: 409, title: 'Conflict', detail: 'used\n\n by another  ', code: 'placement.concurrent_update' },
        ],
      },
      'placement.concurrent_update',
      'used by another',
    ],
    [
      'octavia',
      { faultcode: 'Client', faultstring: 'Quota has been met.', debuginfo: null },
      'Client',
      'Quota has been met.',
    ],
    [
      'glance',
      { message: 'No image found with ID x<br /><br />\n\n', code: '404 Not Found', title: 'Not Found' },
      'Not Found',
      'No image found with ID x',
    ],
    [
      'glance in HTML',
      '<html>\n <head><title>404 Not Found</title></head>\n <body><h1>404 Not Found</h1>No image &#x27;x&#x27;<br /><br />\n</body></html>',
      'HTTP 404',
      "No image 'x'",
    ],
    ['a proxy', 'upstream is away', 'HTTP 404', 'upstream is away'],
    ['nobody', '', 'HTTP 404', 'HTTP 404'],
    ['a list', '[1, 2]', 'HTTP 404', '[1, 2]'],
  ])('of %s', (_, body, type, message) => {
    expect(fault(404, body)).toMatchObject({ kind: 'openstack-fault', status: 404, type, message, path: '/servers' })
  })

  it.each([
    ['x-openstack-request-id', 'req-1', 'req-1'],
    ['x-compute-request-id', 'req-2', 'req-2'],
    ['x-request-id', 'req-3', 'req-3'],
    ['x-request-id', 'of-some-proxy', undefined],
  ])('come with the request id of %s: %s', (header, value, requestId) => {
    expect(fault(500, '', { [header]: value }).requestId).toBe(requestId)
  })

  it('are cut where they never end', () => {
    expect(fault(500, 'x'.repeat(100_000)).message).toHaveLength(1_001)
  })
})

describe('the meaning of a fault', () => {
  it.each([
    [400, nova('badRequest', 'Invalid flavorRef'), 'invalid'],
    [401, '', 'unauthenticated'],
    [403, nova('forbidden', 'Policy doesn’t allow os_compute_api:os-quota-sets:update: quota exceeded'), 'denied'],
    [403, nova('forbidden', 'Quota exceeded for cores: Requested 4, but already used 20 of 20 cores'), 'capacity'],
    [403, nova('forbidden', 'Maximum number of ports exceeded'), 'capacity'],
    [403, { faultcode: 'Client', faultstring: 'Quota has been met for the resources: Load Balancer' }, 'capacity'],
    [404, nova('itemNotFound', 'x'), 'not-found'],
    [404, '<html>nginx</html>', 'unavailable'],
    [409, nova('conflictingRequest', 'Cannot reboot while deleting'), 'conflict'],
    [409, neutron('OverQuota', 'Quota exceeded for resources: [port].'), 'capacity'],
    [409, neutron('IpAddressGenerationFailure', 'No more IP addresses available on network n.'), 'capacity'],
    [
      413,
      nova('overLimit', 'VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota'),
      'capacity',
    ],
    [413, 'too large', 'invalid'],
    [429, '', 'throttled'],
    [500, nova('computeFault', 'Unexpected API Error'), 'internal'],
    [502, '', 'interrupted'],
    [503, '', 'unavailable'],
    [504, '', 'interrupted'],
  ])('%i %j is %s', (status, body, code) => {
    expect(codeOfFault(fault(status, body))).toBe(code)
  })

  it('is a request to slow down where a 413 says when to come back', () => {
    expect(codeOfFault(fault(413, nova('overLimit', 'slow down'), { 'retry-after': '3' }))).toBe('throttled')
  })

  it('is an absence for what reads through a proxy that lost the answer', () => {
    expect(codeOfFault(fault(504, '', {}, 'GET'))).toBe('unavailable')
  })

  it('leaves open whether a change was made after a server’s own failure, never after a refusal', () => {
    const thrown = (status: number) => new PcgError('internal', 'x', { cause: fault(status, '') })
    expect([400, 404, 409, 429, 500, 503].map((status) => mayHaveBeenDone(thrown(status)))).toEqual([
      false,
      false,
      false,
      false,
      true,
      true,
    ])
    expect(mayHaveBeenDone(new PcgError('interrupted', 'x'))).toBe(true)
    expect(mayHaveBeenDone(new PcgError('unavailable', 'x'))).toBe(false)
    expect(mayHaveBeenDone(new Error('?'))).toBe(true)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-11-22T12:00:00Z')
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['-1', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s', (header, expected) => {
    expect(retryAfterMs(header, now)).toBe(expected)
  })
})
