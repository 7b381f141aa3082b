import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import { openProgram } from '../../supply-chain/compiled.ts'
import { builtProgram, projectFolder, run } from '../commands/program.ts'

builtProgram()
const built = readFileSync(join(projectFolder, 'dist/program.cache'))

function withOneBit(at: number): Buffer {
  const altered = Buffer.from(built)
  altered.writeUInt8(altered.readUInt8(at) ^ 1, at)
  return altered
}

describe('what is compiled of the program', () => {
  const copies: string[] = []
  after(() => copies.forEach((folder) => rmSync(folder, { recursive: true })))

  function copyOfProgram(): string {
    const folder = mkdtempSync(join(tmpdir(), 'session-gateway-'))
    copies.push(folder)
    for (const name of ['dist/main.js', 'dist/program.cjs', 'dist/program.cache', 'package.json']) {
      cpSync(join(projectFolder, name), join(folder, name))
    }
    return folder
  }

  test('is taken by a start of the same Node', () => {
    const { script } = openProgram(pathToFileURL(join(projectFolder, 'dist/')))
    assert.equal(script.cachedDataRejected, false)
  })

  const faults: readonly [what: string, damage: (file: string) => void][] = [
    ['has been altered in its midst', (file) => writeFileSync(file, withOneBit(built.length >> 1))],
    ['has been altered at its end', (file) => writeFileSync(file, withOneBit(built.length - 1))],
    ['was cut off', (file) => writeFileSync(file, built.subarray(0, built.length >> 1))],
    ['is empty', (file) => writeFileSync(file, '')],
    ['is missing', (file) => rmSync(file)],
    ['is of another program', (file) => writeFileSync(file.replace('.cache', '.cjs'), ' ', { flag: 'a' })],
  ]
  for (const [what, damage] of faults) {
    test(`is passed over where it ${what}`, async () => {
      const folder = copyOfProgram()
      damage(join(folder, 'dist/program.cache'))
      const { script } = openProgram(pathToFileURL(join(folder, 'dist/')))
      assert.equal(script.cachedDataRejected, undefined)
      const { code, stdout, stderr } = await run(['--version'], { entry: join(folder, 'dist/main.js') })
      assert.deepEqual([code, stdout, stderr], [0, `${packageJson.version}\n`, ''])
    })
  }

  test('is passed over by a V8 that is set differently', () => {
    const options = { cwd: projectFolder, encoding: 'utf8' } as const
    const said = execFileSync(process.execPath, ['--expose-gc', 'dist/main.js', '--version'], options)
    assert.equal(said, `${packageJson.version}\n`)
  })
})
