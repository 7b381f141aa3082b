import assert from 'node:assert/strict'
import { globSync, lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { bundledFiles } from '../../supply-chain/bundle.ts'
import { builtProgram, projectFolder } from '../commands/program.ts'
import { ensureImage, folder, revision, secret } from './build.ts'
import { startContainer } from './container.ts'

const image = ensureImage()
const app = join(image.root, 'app')

function filesBelow(root: string): string[] {
  return globSync('**', { cwd: root, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
    .toSorted()
}

const programFiles = ['main.js', 'program.cjs', 'redis.cjs']

describe('the image', () => {
  it('starts the program as a user without a name, and says what it is', () => {
    const { Labels, Env, ...config } = image.config
    assert.deepEqual(config, {
      User: '65532:65532',
      ExposedPorts: { '8443/tcp': {}, '9090/tcp': {} },
      Entrypoint: ['node', 'main.js'],
      Cmd: ['serve'],
      WorkingDir: '/app',
      StopSignal: 'SIGTERM',
    })
    assert.deepEqual(Env, [
      'PATH=/usr/local/bin:/usr/bin:/bin',
      'NODE_ENV=production',
      'NODE_OPTIONS=--max-old-space-size-percentage=60',
    ])
    const labels = Object.entries(Labels).map(([name, value]) => [
      name.replace('org.opencontainers.image.', ''),
      value,
    ])
    assert.partialDeepStrictEqual(Object.fromEntries(labels), {
      title: 'Session Gateway',
      licenses: 'MIT',
      version: packageJson.version,
      revision,
    })
  })

  it('adds to its base the program, its licences and its bill of materials, and nothing else', (t) => {
    const ofBase = new Set(filesBelow(join(folder, 'base')))
    const added = filesBelow(image.root).filter((path) => !ofBase.has(path))
    const expected = new Set(
      [...programFiles, 'program.cache', 'LICENSES', 'package.json', 'sbom.cdx.json'].map(
        (name) => `app/${name}`,
      ),
    )
    assert.deepEqual(new Set(added), expected)
    const bytes = added.reduce((sum, path) => sum + lstatSync(join(image.root, path)).size, 0)
    t.diagnostic(`${(bytes / 1e6).toFixed(1)} MB without the base`)
    assert.ok(bytes < 10e6)
  })

  it('can be changed by nobody in it', () => {
    for (const path of ['', ...filesBelow(app)]) {
      const { uid, mode } = lstatSync(join(app, path))
      assert.deepEqual([uid, mode & 0o022, path], [0, 0, path])
    }
  })

  it('can be read by any user in it, though its sources were somebody’s alone', () => {
    for (const path of filesBelow(app)) {
      assert.deepEqual([lstatSync(join(app, path)).mode & 0o044, path], [0o044, path])
    }
  })

  it('has nothing of the emulator, and the packages that its bill of materials and its licences name, no other', async () => {
    // What is in a bundle only the bundler can say: of the same bundle.
    builtProgram()
    for (const name of programFiles) {
      const here = readFileSync(join(projectFolder, 'dist', name))
      assert.ok(readFileSync(join(app, name)).equals(here), name)
    }
    const bundled = await bundledFiles()
    assert.ok(bundled.includes('src/gateway.ts') && bundled.length > 300)
    assert.deepEqual(
      bundled.filter((path) => /^src\/(?:emulator|commands\/(?:demo|emulate))/.test(path)),
      [],
    )
    const bom = JSON.parse(readFileSync(join(app, 'sbom.cdx.json'), 'utf8')) as {
      components: { name: string }[]
    }
    const named = new Set(bom.components.map(({ name }) => name))
    const packages = bundled.flatMap(
      (path) => /^node_modules\/(?:.*\/node_modules\/)?((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
    )
    assert.ok(packages.length > 50)
    assert.deepEqual(new Set(packages), named)
    const licences = readFileSync(join(app, 'LICENSES'), 'utf8')
    assert.deepEqual(
      [...named].filter((name) => !licences.includes(`\n${name} `)),
      [],
    )
  })

  it('keeps nothing of what the build was trusted with', () => {
    assert.ok(readFileSync(join(folder, 'npmrc'), 'utf8').includes(secret))
    for (const path of filesBelow(image.root)) {
      assert.equal(readFileSync(join(image.root, path)).includes(secret), false, path)
      assert.doesNotMatch(path, /npmrc|run\/secrets|node_modules/)
    }
    assert.doesNotMatch(JSON.stringify(image), /npmrc|_auth/)
  })
})

describe('a container of the image', () => {
  it('says which version it is, and that the emulator is elsewhere', async () => {
    await using asked = startContainer(image, { args: ['--version'] })
    assert.deepEqual([(await asked.ended).code, asked.stdout], [0, `${packageJson.version}\n`])
    await using demo = startContainer(image, { args: ['demo'] })
    assert.equal((await demo.ended).code, 1)
    assert.equal(demo.stderr, 'the emulator is not in this build: in a clone of the repository, make demo\n')
  })

  it('says what is missing when nothing is mounted', async () => {
    await using container = startContainer(image)
    const { code, stderr } = await container.ended
    assert.deepEqual(
      [code, stderr.trim()],
      [1, 'no configuration: name a file with --config, or several in GATEWAY_CONFIG'],
    )
  })
})
