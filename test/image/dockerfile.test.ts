import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DockerfileParser, type From, type JSONInstruction } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import packageJson from '../../package.json' with { type: 'json' }
import { projectFolder } from '../commands/program.ts'

const text = readFileSync(join(projectFolder, 'Dockerfile'), 'utf8')
const dockerfile = DockerfileParser.parse(text)
const instructions = dockerfile.getInstructions()

function argumentsOf(keyword: string): string[] {
  return instructions
    .filter((each) => each.getKeyword() === keyword)
    .map((each) => each.getArgumentsContent() ?? '')
}

describe('the Dockerfile', () => {
  it('has nothing that its language or good use forbids', () => {
    assert.deepEqual(
      validate(text).map(({ message, range }) => [range.start.line + 1, message]),
      [],
    )
    assert.equal(validate("FROM scratch\nENTRYPOINT [ 'node' ]\n").length, 1, 'and it would be found')
  })

  it('names each base by an argument, which may be a digest, and not by the newest there is', () => {
    const bases = dockerfile.getFROMs().map((from: From) => from.getImage())
    assert.deepEqual(bases, ['${BUILD_IMAGE}', '${NODE_IMAGE}'])
    const given = dockerfile.getInitialARGs().map((arg) => arg.getArgumentsContent())
    assert.deepEqual(given, ['NODE_IMAGE=docker.io/library/node:26-slim', 'BUILD_IMAGE=${NODE_IMAGE}'])
  })

  it('starts the program without a shell, as a number', () => {
    const started = instructions.filter((each) => ['ENTRYPOINT', 'CMD'].includes(each.getKeyword()))
    assert.equal(started.length, 2)
    for (const each of started) assert.ok((each as JSONInstruction).getOpeningBracket(), each.toString())
    const afterUser = instructions.slice(instructions.findIndex((each) => each.getKeyword() === 'USER') + 1)
    assert.deepEqual(argumentsOf('USER'), ['65532:65532'])
    assert.deepEqual(
      afterUser.filter((each) => ['RUN', 'COPY'].includes(each.getKeyword())),
      [],
    )
  })

  it('runs nothing in the stage that ships, and fetches nothing by itself', () => {
    const last = instructions.slice(instructions.findLastIndex((each) => each.getKeyword() === 'FROM'))
    assert.equal(
      last.some((each) => each.getKeyword() === 'RUN'),
      false,
    )
    assert.deepEqual(argumentsOf('ADD'), [])
  })

  it('takes no secret as an argument or variable', () => {
    for (const content of [...argumentsOf('ARG'), ...argumentsOf('ENV')]) {
      assert.doesNotMatch(content, /token|secret|password|auth|key|npmrc/i)
    }
  })

  it('is of the version of the program', () => {
    assert.ok(argumentsOf('ARG').includes(`VERSION=${packageJson.version}`))
  })
})
