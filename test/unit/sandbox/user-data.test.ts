import { describe, expect, it } from 'vitest'
import { asksGateway, readPhoneHome } from '../../../adapters/sandbox/user-data.ts'
import { renderUserData } from '../../../gateway/bootstrap/user-data.ts'
import { bootstrapInput, layers } from '../bootstrap/fixtures.ts'

const FILE = { url: 'https://10.0.0.2:8443/machines/x', token: 'secret', authority: 'PEM\n' }
const JSON_TEXT = JSON.stringify(FILE)

describe('what a sandbox guest reads from its user-data', () => {
  it('is the phone-home of what the gateway renders', () => {
    const input = bootstrapInput('init')
    expect(readPhoneHome(renderUserData(input))).toEqual({
      url: `https://10.0.0.2:8443/machines/${input.machine.uid}`,
      token: input.phoneHome.token,
      authority: input.phoneHome.authority,
    })
  })

  it('is whether it is of a control plane of Kubernetes', () => {
    const none = layers({ kubernetes: { distribution: 'none', version: '1.31.4' } })
    const asks = (...input: Parameters<typeof bootstrapInput>) => asksGateway(renderUserData(bootstrapInput(...input)))
    expect([asks('init'), asks('control-plane'), asks('worker')]).toEqual([true, true, false])
    expect(asks('control-plane', { layers: none })).toBe(false)
  })

  it.each<[string, string]>([
    [
      'block style',
      `write_files:\n  - path: /etc/pcg/phone-home.json\n    content: |\n      ${JSON_TEXT}\nruncmd: []\n`,
    ],
    [
      'a list without indentation',
      `write_files:\n- path: /etc/pcg/phone-home.json\n  content: '${JSON_TEXT}'\n- path: /b\n`,
    ],
    ['another order of keys', `write_files:\n  - content: '${JSON_TEXT}'\n    path: /etc/pcg/phone-home.json\n`],
    ['flow style', `write_files: [{path: /etc/pcg/phone-home.json, content: '${JSON_TEXT}'}]\n`],
    [
      'a script that names the file before it',
      `write_files:\n  - path: /x.sh\n    content: |\n      cat /etc/pcg/phone-home.json\n  - path: /etc/pcg/phone-home.json\n    content: '${JSON_TEXT}'\n`,
    ],
  ])('is found in %s', (_, yaml) => {
    expect(readPhoneHome(`#cloud-config\n${yaml}`)).toEqual(FILE)
  })

  it.each<[string, string]>([
    ['nothing', ''],
    ['no cloud-config', '#!/bin/sh\ncat /etc/pcg/phone-home.json\n'],
    ['no such file', '#cloud-config\nwrite_files: []\n'],
    ['broken YAML', '#cloud-config\nwrite_files: [{path: /etc/pcg/phone-home.json\n'],
    [
      'a file without a token',
      `#cloud-config\nwrite_files:\n  - path: /etc/pcg/phone-home.json\n    content: '{"url":"https://x"}'\n`,
    ],
  ])('is nothing where there is %s', (_, userData) => {
    expect(readPhoneHome(userData)).toBeNull()
  })
})
