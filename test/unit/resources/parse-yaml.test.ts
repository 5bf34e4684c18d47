import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseResources } from '../../../resources/parse-yaml.ts'
import { PcgError } from '../../../runtime/pcg-error.ts'

const GATEWAY = 'apiVersion: pcg/v1\nkind: Gateway\nmetadata:\n  name: site-a\n'

const CLUSTER = `apiVersion: pcg/v1
kind: Cluster
metadata:
  name: demo
spec:
  account: lab
  profile: debian
  placement:
    cloud: sandbox
  controlPlane:
    count: 3
    cpus: 2
    memoryMiB: 4096
  workers:
    - name: general
      count: 2
      cpus: 4
      memoryMiB: 8192
  network:
    endpoint:
      type: virtual-ip
      address: 192.0.2.10
`

/** Each wrong thing as `PLACE: MESSAGE [REMEDY]`. */
function problems(...texts: string[]): string[] {
  const names = ['a.yaml', 'b.yaml']
  try {
    parseResources(texts.map((text, index) => ({ name: names[index] ?? 'c.yaml', text })))
  } catch (error) {
    if (!(error instanceof PcgError)) throw error
    expect(error.code).toBe('invalid')
    if (error.details.length === 0) return [`${error.subject}: ${error.message}`]
    return error.details.map(({ subject, message, remedy }) => `${subject}: ${message}${remedy ? ` [${remedy}]` : ''}`)
  }
  return []
}

/** The cluster with one line in the place of another. */
function cluster(line: string, instead: string): string {
  expect(CLUSTER).toContain(line)
  return CLUSTER.replace(line, instead)
}

describe('what is right', () => {
  it('is read with its defaults, in the order in which it stands there', () => {
    const resources = parseResources([{ name: 'a.yaml', text: `${CLUSTER}---\n${GATEWAY}` }])
    expect(resources.map(({ kind, metadata }) => `${kind}/${metadata.name}`)).toEqual([
      'Cluster/demo',
      'Gateway/site-a',
    ])
    expect(resources[0]).toMatchObject({ spec: { driftPolicy: 'heal', network: { podCidr: '10.244.0.0/16' } } })
  })

  it('may be JSON, a list, or what `pcg get` printed, with its status', () => {
    const gateway = { apiVersion: 'pcg/v1', kind: 'Gateway', metadata: { name: 'g' }, status: { phase: 'Connected' } }
    for (const value of [gateway, [gateway], { items: [gateway] }])
      expect(parseResources([{ name: 'a.json', text: JSON.stringify(value) }])).toEqual([
        { apiVersion: 'pcg/v1', kind: 'Gateway', metadata: { name: 'g' }, spec: {} },
      ])
  })

  it('may have empty documents, comments, anchors and merges', () => {
    const text = cluster('    cpus: 2\n', '    <<: &size { cpus: 2 }\n').replace('      cpus: 4\n', '      <<: *size\n')
    expect(parseResources([{ name: 'a.yaml', text: `---\n# nothing\n---\n${text}---\n` }])[0]).toMatchObject({
      spec: { controlPlane: { cpus: 2 }, workers: [{ cpus: 2 }] },
    })
  })

  it('is every example', () => {
    const root = join(import.meta.dirname, '../../../examples')
    const folders = readdirSync(root)
    expect(folders).toEqual(expect.arrayContaining(['sandbox', 'vsphere']))
    for (const folder of folders) {
      const sources = readdirSync(join(root, folder)).map((file) => ({
        name: file,
        text: readFileSync(join(root, folder, file), 'utf8'),
      }))
      expect(parseResources(sources).length, folder).toBeGreaterThan(0)
    }
  })
})

describe('one wrong thing is named with its file, line and field', () => {
  it.each([
    [
      'a wrong choice',
      cluster('count: 3', 'count: 2'),
      ['a.yaml:11: spec.controlPlane.count: must be 1, 3, 5 or 7, so that etcd keeps a majority, and is 2'],
    ],
    [
      'a misspelt field',
      cluster('cpus: 4', 'cpu: 4'),
      [
        'a.yaml:17: spec.workers[0].cpu: is not a known field [Did you mean cpus?]',
        'a.yaml:15: spec.workers[0].cpus: is required',
      ],
    ],
    [
      'a field in the wrong place',
      cluster('  account: lab', '  account: lab\n  count: 3'),
      ['a.yaml:7: spec.count: is not a known field [Did you mean spec.controlPlane.count or spec.workers[].count?]'],
    ],
    [
      'an unheard-of field',
      cluster('      cpus: 4', '      cpus: 4\n      colour: red'),
      [
        'a.yaml:18: spec.workers[0].colour: is not a known field [Known here: name, count, cpus, memoryMiB, flavor, diskGiB, disks.]',
      ],
    ],
    ['a missing field', cluster('  account: lab\n', ''), ['a.yaml:5: spec.account: is required']],
    ['an empty field', cluster('account: lab', 'account:'), ['a.yaml:6: spec.account: must be text, and is empty']],
    [
      'text for a number',
      cluster('cpus: 2', 'cpus: two'),
      ['a.yaml:12: spec.controlPlane.cpus: must be a number, and is text'],
    ],
    [
      'a number in quotes',
      cluster('cpus: 2', 'cpus: "2"'),
      ['a.yaml:12: spec.controlPlane.cpus: must be a number: write it without quotes, 2'],
    ],
    [
      'a number for text',
      cluster('profile: debian', 'profile: 12'),
      ['a.yaml:7: spec.profile: must be text: write it in quotes, "12"'],
    ],
    [
      'a fraction',
      cluster('cpus: 4', 'cpus: 1.5'),
      ['a.yaml:17: spec.workers[0].cpus: must be a whole number, and is 1.5'],
    ],
    [
      'an absurd count',
      cluster('count: 2', 'count: 1000000'),
      ['a.yaml:16: spec.workers[0].count: must be at most 1000, and is 1000000'],
    ],
    [
      'a negative count',
      cluster('count: 2', 'count: -1'),
      ['a.yaml:16: spec.workers[0].count: must be at least 0, and is -1'],
    ],
    [
      'an unknown cloud',
      cluster('cloud: sandbox', 'cloud: sandbx'),
      [
        'a.yaml:9: spec.placement.cloud: must be one of vsphere, openstack, sandbox, and is "sandbx" [Did you mean sandbox?]',
      ],
    ],
    [
      'no address',
      cluster('address: 192.0.2.10', 'address: 192.0.2'),
      ['a.yaml:22: spec.network.endpoint.address: must be an IPv4 address, like 192.0.2.10, and is "192.0.2"'],
    ],
    [
      'a list for fields',
      cluster('  controlPlane:\n', '  controlPlane: []\n  nothing:\n'),
      [
        'a.yaml:10: spec.controlPlane: must be a set of fields, and is a list',
        'a.yaml:11: spec.nothing: is not a known field [Known here: account, profile, placement, controlPlane, workers, network, driftPolicy.]',
      ],
    ],
    [
      'an unknown kind',
      cluster('kind: Cluster', 'kind: Clutser'),
      [
        'a.yaml:2: kind: must be one of Gateway, CloudAccount, ClusterProfile, IPPool, Cluster, and is "Clutser" [Did you mean Cluster?]',
      ],
    ],
    [
      'no kind',
      'apiVersion: pcg/v1\n',
      ['a.yaml:1: kind: is required, and must be one of Gateway, CloudAccount, ClusterProfile, IPPool, Cluster'],
    ],
    ['another version', GATEWAY.replace('pcg/v1', 'v1'), ['a.yaml:1: apiVersion: must be pcg/v1, and is "v1"']],
    [
      'a name with capitals',
      GATEWAY.replace('site-a', 'Site_A'),
      [
        'a.yaml:4: metadata.name: must be lower-case letters, digits and dashes, beginning and ending with a letter or digit, and is "Site_A"',
      ],
    ],
    [
      'text',
      'hello',
      [
        'a.yaml:1: a resource must be a set of fields, and is text [It has the fields apiVersion, kind, metadata, spec.]',
      ],
    ],
    ['nothing', '# only a comment\n', ['a.yaml: there is no resource in it']],
  ])('%s', (_, text, expected) => {
    expect(problems(text)).toEqual(expected)
  })

  it('credentials in the clear, which are not repeated', () => {
    const text = `apiVersion: pcg/v1\nkind: CloudAccount\nmetadata: { name: vc }\nspec:\n  cloud: vsphere\n  gateway: g\n  server: vc.example\n  sealed: hunter2\n  password: hunter2\n`
    const found = problems(text)
    expect(found).toEqual([
      'a.yaml:8: spec.sealed: must be the output of `pcg secret seal`; credentials in the clear are not accepted',
      'a.yaml:9: spec.password: is not a known field [Known here: cloud, gateway, server, authority, thumbprint, sealed.]',
    ])
  })
})

describe('what is not YAML', () => {
  it.each([
    ['a tab', 'kind: Gateway\nmetadata:\n\tname: a\n', /^a\.yaml:3: is not valid YAML: .*\[Indent with spaces\.\]$/],
    ['an open quote', 'kind: "Gateway\n', /^a\.yaml:\d: is not valid YAML: missing closing "quote/],
    ['a missing colon', 'kind: Gateway\nmetadata\n  name: a\n', /^a\.yaml:\d: is not valid YAML/],
    ['a field twice', 'kind: Gateway\nkind: Cluster\n', /^a\.yaml:2: this field stands here twice/],
    ['an unknown alias', 'kind: *nowhere\n', /^a\.yaml:1: .*alias/],
  ])('%s is named with its line', (_, text, expected) => {
    expect(problems(text)[0]).toMatch(expected)
  })

  it('does not hide what is wrong in other documents', () => {
    expect(problems(`kind: "Gateway\n`, cluster('count: 3', 'count: 4')).map((line) => line.split(': ')[0])).toEqual([
      expect.stringMatching(/^a\.yaml:\d$/),
      'b.yaml:11',
    ])
  })

  /** Nine of nine of nine …, `levels` times. */
  function bomb(levels: number): string {
    const names = 'abcdefghi'.slice(0, levels).split('')
    const lines = names.map((name, index) => {
      const inner = index === 0 ? 'x' : `*${names[index - 1]}`
      return `${name}: &${name} [${Array.from({ length: 9 }, () => inner).join(',')}]`
    })
    return `${lines.join('\n')}\n`
  }

  it.each([6, 9])('unfolds no bomb of %i levels of aliases', (levels) => {
    expect(problems(bomb(levels))).toEqual(['a.yaml:1: its aliases (*name) unfold into too much'])
  })

  it('unfolds what people write: a size that many clusters share', () => {
    const pools = Array.from({ length: 500 }, (_, index) => `---\n${GATEWAY.replace('site-a', `site-${index}`)}`)
    expect(problems(`${cluster('    cpus: 2\n', '    <<: &size { cpus: 2 }\n')}${pools.join('')}`)).toEqual([])
    expect(problems(bomb(3))[0]).toContain('kind: is required')
  })

  it('is not read when it is huge', () => {
    expect(problems('x'.repeat(17 * 1024 * 1024))[0]).toBe('a.yaml: is larger than 16 MiB')
  })
})

describe('many wrong things', () => {
  it('are all named at once, over documents and files, each with its own line', () => {
    const first = `${cluster('count: 3', 'count: 4').replace('cpus: 4', 'cpus: 0')}---\n${GATEWAY.replace('site-a', 'A')}`
    expect(
      problems(first, GATEWAY.replace('kind: Gateway', 'kind: Gatway')).map((line) => line.split(': ')[0]),
    ).toEqual(['a.yaml:11', 'a.yaml:17', 'a.yaml:27', 'b.yaml:2'])
  })

  it('include a name that is taken, with the place of the first', () => {
    expect(problems(GATEWAY, GATEWAY)).toEqual([
      'b.yaml:4: metadata.name: is taken: Gateway site-a is also at a.yaml:4',
    ])
  })

  it('are cut at a hundred, and counted', () => {
    const many = Array.from({ length: 150 }, () => 'kind: Nothing\n').join('---\n')
    try {
      parseResources([{ name: 'a.yaml', text: many }])
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ message: '150 things are wrong; the first 100 are shown' })
      expect(error instanceof PcgError && error.details.length).toBe(100)
    }
  })
})
