import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Copy, type Dockerfile, DockerfileParser, type Instruction } from 'dockerfile-ast'
import { validate } from 'dockerfile-utils'
import packageJson from '../../package.json' with { type: 'json' }
import { projectFolder } from '../commands/program.ts'

const text = readFileSync(join(projectFolder, 'Dockerfile'), 'utf8')

describe('the Dockerfile', () => {
  test('has no fault that its linter knows', () => {
    assert.deepEqual(faultsOf(text), [])
  })

  // Each a change of it that must not pass, so that each rule is seen to work.
  const changes: readonly [what: string, from: RegExp, to: string, said: RegExp][] = [
    ['an instruction that there is not', /^EXPOSE/m, 'EXPOSED', /Unknown instruction/],
    ['an old instruction', /^EXPOSE .*/m, 'MAINTAINER somebody', /MAINTAINER/],
    ['a base that moves by itself', /^(ARG NODE_IMAGE=.*):.*/m, '$1:latest', /latest/],
    ['a base without a tag', /^(ARG NODE_IMAGE=.*):.*/m, '$1', /no tag/],
    ['a base that no build argument names', /^FROM \$\{NODE_IMAGE\}/m, 'FROM node:26-slim', /build argument/],
    ['ADD', /^COPY src/m, 'ADD src', /ADD/],
    ['a start through a shell', /^ENTRYPOINT .*/m, 'ENTRYPOINT node main.js', /shell/],
    ['root', /^USER .*/m, 'USER 0:0', /user/],
    ['a user by name', /^USER .*/m, 'USER node', /user/],
    ['no user', /^USER .*/m, '', /user/],
    ['files that its user may change', /^COPY --from/m, 'COPY --chown=65532 --from', /chown/],
    ['a secret as a build argument', /^ARG VERSION/m, 'ARG NPM_TOKEN\nARG VERSION', /NPM_TOKEN/],
    ['a secret in its environment', /^ENV .*/m, 'ENV REGISTRY_PASSWORD=x', /REGISTRY_PASSWORD/],
    ['a command in what runs', /^WORKDIR \/app/m, 'WORKDIR /app\nRUN apt-get update', /RUN/],
    ['scripts of packages', /--ignore-scripts /, '', /ignore-scripts/],
    ['a secret that everybody must have', /secret,id=npmrc/, 'secret,id=npmrc,required=true', /required/],
    ['a port by name', /^EXPOSE .*/m, 'EXPOSE https', /containerPort/],
  ]
  for (const [what, from, to, said] of changes) {
    test(`is not to have ${what}`, () => {
      const changed = text.replace(from, to)
      assert.notEqual(changed, text)
      assert.match(faultsOf(changed).join('\n'), said)
    })
  }

  test('is of the version of the program', () => {
    assert.match(text, new RegExp(`^ARG VERSION=${packageJson.version.replaceAll('.', '\\.')}$`, 'm'))
  })

  test('copies what the list of its context lets through, and that list lets nothing else through', () => {
    const lines = readFileSync(join(projectFolder, '.dockerignore'), 'utf8').split('\n')
    const rules = lines.filter((line) => line !== '' && !line.startsWith('#'))
    assert.equal(rules[0], '*', 'a list of what is let through')
    const letThrough = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1))
    const copied = DockerfileParser.parse(text)
      .getInstructions()
      .filter((one): one is Copy => one instanceof Copy && one.getFromFlag() === null)
      .flatMap((one) =>
        one
          .getArguments()
          .map((argument) => argument.getValue())
          .slice(0, -1),
      )
    assert.deepEqual(new Set(letThrough), new Set(copied))
    const kept = rules.filter((rule) => rule !== '*' && !rule.startsWith('!'))
    assert.deepEqual(kept, ['src/commands/demo', 'src/commands/emulate.ts', 'src/emulator'])
    for (const path of kept)
      assert.ok(readdirSync(join(projectFolder, path, '..')).includes(path.split('/').at(-1) ?? ''))
  })
})

/** What the linter says, and what it has no rule for. */
function faultsOf(source: string): string[] {
  const file = DockerfileParser.parse(source)
  return [
    ...validate(source).map(({ message }) => JSON.stringify(message)),
    ...faultsOfBases(file),
    ...faultsOfLast(file),
  ].concat(file.getInstructions().flatMap(faultsOfInstruction))
}

function faultsOfBases(file: Dockerfile): string[] {
  const defaults = file.getInitialARGs().map((one) => one.getProperty()?.getValue() ?? '')
  const images = defaults.filter((value) => !value.startsWith('$'))
  return [
    ...images.filter((image) => !/[:@][^/]+$/.test(image)).map((image) => `${image} has no tag`),
    ...images.filter((image) => image.endsWith(':latest')).map((image) => `${image} is latest`),
    ...file
      .getFROMs()
      .map((from) => from.getImage() ?? '')
      .filter((image) => !/^\$\{[A-Z_]+\}$/.test(image))
      .map((image) => `${image} is not given by a build argument`),
  ]
}

/** The stage that is shipped. */
function faultsOfLast(file: Dockerfile): string[] {
  const from = file.getFROMs().at(-1)?.getRange().start.line ?? 0
  const stage = file.getInstructions().filter((one) => one.getRange().start.line >= from)
  const user = stage.findLast((one) => one.getKeyword() === 'USER')?.getArgumentsContent() ?? ''
  const starts = stage.filter((one) => ['ENTRYPOINT', 'CMD'].includes(one.getKeyword()))
  return [
    ...(/^[1-9]\d*:[1-9]\d*$/.test(user) ? [] : [`the user is to be numbers, and not 0: "${user}"`]),
    ...stage.filter((one) => one.getKeyword() === 'RUN').map(() => 'RUN takes a shell of the base'),
    ...starts
      .filter((one) => one.getArgumentsContent()?.startsWith('[') !== true)
      .map(() => 'starts through a shell'),
    ...(starts.length === 2 ? [] : ['ENTRYPOINT and CMD are both to be there']),
  ]
}

function faultsOfInstruction(one: Instruction): string[] {
  const keyword = one.getKeyword()
  // Flags such as --mount included.
  const said = one.getTextContent()
  const faults: string[] = []
  if (keyword === 'ADD') faults.push('ADD fetches and unpacks: COPY')
  if (['ARG', 'ENV'].includes(keyword) && /TOKEN|SECRET|PASSWORD|CREDENTIAL|_KEY|AUTH/i.test(said))
    faults.push(`${said} would stay in the history`)
  if (/--chown\b/.test(said)) faults.push('chown: what is shipped is root’s')
  if (/\bnpm ci\b/.test(said) && !said.includes('--ignore-scripts'))
    faults.push('npm ci without --ignore-scripts')
  if (/--mount=\S*required=true/.test(said))
    faults.push('who has no registry of their own has no secret: required')
  return faults
}
