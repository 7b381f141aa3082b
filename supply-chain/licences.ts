/**
 * The licences of what ships, whole, on stdout: the project's own, and one of each package that is in the bundle.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundledPackages } from './bundle.ts'
import { projectFolder } from './npm.ts'

interface Package {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly repository?: string | { readonly url: string }
}

for (const folder of ['', ...(await bundledPackages())]) process.stdout.write(`${chapter(folder)}\n`)

function chapter(folder: string): string {
  const inside = join(projectFolder, folder)
  const { name, version, license, repository }: Package = JSON.parse(
    readFileSync(join(inside, 'package.json'), 'utf8'),
  )
  const texts = readdirSync(inside)
    .filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file))
    .map((file) => readFileSync(join(inside, file), 'utf8').trim())
  const source = typeof repository === 'object' ? repository.url : repository
  const text =
    texts.length > 0 ? texts.join('\n\n') : `The package brings no text of it; it comes from ${source}`
  return `${name} ${version}: ${license}\n\n${text}\n\n${'-'.repeat(80)}`
}
