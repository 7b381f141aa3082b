import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { bundledPackages } from '../../supply-chain/bundle.ts'
import { projectFolder } from '../commands/program.ts'

interface Component {
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses: readonly { readonly license?: { readonly id?: string }; readonly expression?: string }[]
  readonly hashes: readonly { readonly alg: string; readonly content: string }[]
  readonly externalReferences?: readonly unknown[]
  readonly 'bom-ref': string
}

interface Locked {
  readonly version: string
  readonly license: string
  readonly integrity: string
  readonly dev?: boolean
}

const lock: { packages: Record<string, Locked> } = JSON.parse(
  readFileSync(join(projectFolder, 'package-lock.json'), 'utf8'),
)

/** Of a path of the lock file, or of a file of a package. */
function packageOf(path: string): string {
  const [first = '', second = ''] = path.slice(path.lastIndexOf('node_modules/') + 13).split('/')
  return first.startsWith('@') ? `${first}/${second}` : first
}

describe('the bill of materials', () => {
  const text = execFileSync(process.execPath, ['supply-chain/sbom.ts'], {
    cwd: projectFolder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const bom: {
    bomFormat: string
    specVersion: string
    serialNumber: string
    version: number
    metadata: { timestamp: string; component: Component }
    components: Component[]
    dependencies: { ref: string; dependsOn: string[] }[]
  } = JSON.parse(text)

  test('is CycloneDX, of this application', () => {
    assert.equal(bom.bomFormat, 'CycloneDX')
    assert.match(bom.specVersion, /^1\.\d$/)
    assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    assert.equal(bom.version, 1)
    assert.ok(!Number.isNaN(Date.parse(bom.metadata.timestamp)))
    const { type, name, version } = bom.metadata.component
    const { version: ours } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8'))
    assert.deepEqual({ type, name, version }, { type: 'application', name: 'session-gateway', version: ours })
  })

  const inBundle = bundledPackages()

  test('names each package of the bundle by version, licence, purl and checksum, and no other', async () => {
    const paths = new Set(await inBundle)
    const expected = new Set(
      Object.entries(lock.packages)
        .filter(([path]) => paths.has(path))
        .map(([path, { version, license, integrity }]) => {
          const name = packageOf(path)
          const [algorithm = '', digest = ''] = integrity.split('-')
          const checksum = `${algorithm.toUpperCase().replace('SHA', 'SHA-')} ${Buffer.from(digest, 'base64').toString('hex')}`
          return `pkg:npm/${name.replace('@', '%40')}@${version} ${license} ${checksum}`
        }),
    )
    const named = bom.components.map(({ purl, licenses, hashes }) => {
      const licence = licenses.map(({ license, expression }) => license?.id ?? expression).join(' ')
      return `${purl} ${licence} ${hashes.map(({ alg, content }) => `${alg} ${content}`).join(' ')}`
    })
    assert.ok(expected.size > 50)
    assert.deepEqual(named.toSorted(), [...expected].toSorted())
    for (const { name, version, purl } of bom.components) {
      assert.equal(purl, `pkg:npm/${name.replace('@', '%40')}@${version}`)
    }
  })

  test('is of production dependencies alone: nothing of the emulator’s or of development ships', async () => {
    const paths = await inBundle
    assert.ok(paths.includes('node_modules/express'))
    assert.deepEqual(
      paths.filter((path) => lock.packages[path] === undefined || lock.packages[path].dev === true),
      [],
    )
  })

  test('says what depends on what, of what it names alone', () => {
    const refs = new Set([bom.metadata.component, ...bom.components].map((one) => one['bom-ref']))
    assert.equal(refs.size, bom.components.length + 1)
    assert.deepEqual(new Set(bom.dependencies.map(({ ref }) => ref)), refs)
    for (const { dependsOn } of bom.dependencies) {
      assert.deepEqual(
        dependsOn.filter((ref) => !refs.has(ref)),
        [],
      )
    }
  })

  test('says nothing of the machine it was made on', () => {
    for (const trace of [projectFolder, `${homedir()}/`, 'file:', 'localhost']) {
      assert.ok(trace === '//' || !text.includes(trace), trace)
    }
    // Where a package was fetched from would name this machine's registry.
    for (const { externalReferences = [] } of [bom.metadata.component, ...bom.components]) {
      assert.deepEqual(externalReferences, [])
    }
    const hosts = new Set([...text.matchAll(/https?:\/\/([^/"]+)/g)].map(([, host]) => host))
    assert.deepEqual([...hosts], ['cyclonedx.org'])
  })
})

test('the licences are those of the project and of each package of the bundle, with their texts', async () => {
  const text = execFileSync(process.execPath, ['supply-chain/licences.ts'], {
    cwd: projectFolder,
    encoding: 'utf8',
  })
  const chapters = text.split(`\n${'-'.repeat(80)}\n`).filter((chapter) => chapter.trim() !== '')
  const paths = await bundledPackages()
  assert.equal(chapters.length, paths.length + 1)
  for (const [index, path] of ['', ...paths].entries()) {
    const { version, license } = lock.packages[path] ?? {}
    const [title, , ...rest] = chapters[index]?.trimStart().split('\n') ?? []
    const name = path === '' ? 'session-gateway' : path.slice(path.lastIndexOf('node_modules/') + 13)
    assert.equal(title, `${name} ${version}: ${license}`)
    assert.ok(rest.join('\n').length > 80, title)
  }
})
