/**
 * The reference of the configuration, written from the schema: what the gateway accepts and what it says
 * about it cannot part ways.
 *
 * @module
 */

import { proxyFills } from './environment-proxy.ts'
import { credentialFills, fills, filesVariable, overrides } from './environment.ts'
import { outline } from './outline.ts'
import type { Outline } from './outline.ts'
import { formatPath } from './path.ts'

/** @returns Markdown */
export function configurationReference(): string {
  const sections = Object.entries(outline().properties ?? {}).flatMap(([key, node]) => [
    `## ${key}`,
    node.description ?? '',
    ...tables(node, key),
  ])
  return `${[introduction, ...sections, environment(), layering].join('\n\n')}\n`
}

const introduction = `# Configuration

<!-- Generated from src/config/schema.ts by docs/generate.ts. -->

One YAML file, or several in layers. [\`config/gateway.yaml\`](../../config/gateway.yaml) is a complete example to
copy, and [\`config/gateway.schema.json\`](../../config/gateway.schema.json) helps editors and pipelines.

The configuration is read once, at start. Unknown keys are refused, and every problem is reported at once, with
its path, file and line. Durations are whole numbers with \`ms\`, \`s\`, \`m\` or \`h\`; sizes with \`KiB\`, \`MiB\` or
\`GiB\`; rates are requests per second (\`50/s\`) or per minute (\`100/m\`). A path of a file is relative to the
working directory.`

const layering = `## Layers

\`--config\` may be given several times, and \`${filesVariable}\` may name several files. They are layered in that
order: maps merge key by key; lists and single values of a later file replace those of an earlier one. So each
team can add its rules under \`access\` in a file of its own.

- Issuers and rules keep the order in which their names first appear. The first rule that permits a request wins.
- An issuer, a credential or a \`cache.shared.auth\` that changes its \`type\` in a later file is replaced as a whole.
- A key without a value is a mistake, not a way to remove what an earlier file says.
- A file is UTF-8, one YAML 1.2 document, at most 1 MiB. Anchors and aliases work; merge keys (\`<<\`) and tags do not.`

/** A table of the keys of a map, then those of what it contains. */
function tables(node: Outline, path: string): string[] {
  const { rows, below } = rowsOf(node, path, '')
  return [...(rows.length > 0 ? [table(rows)] : []), ...below]
}

interface Rows {
  rows: string[][]
  /** Headings and tables of what has several shapes, or names of the operator's choice. */
  below: string[]
}

function rowsOf(node: Outline, path: string, prefix: string): Rows {
  const all: Rows = { rows: [], below: [] }
  if (node.additionalProperties) all.below.push(...shapes(node.additionalProperties, `${path}.<name>`))
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const name = `${prefix}${key}`
    const at = `${path}.${key}`
    if (child.properties !== undefined) {
      const inner = rowsOf(child, at, `${name}.`)
      // What is off unless written down: that it is there at all says something.
      if (child.default === undefined && child.description !== undefined) {
        all.rows.push([`\`${name}\``, 'map', '–', child.description])
      }
      all.rows.push(...inner.rows)
      all.below.push(...inner.below)
    } else {
      all.rows.push([`\`${name}\``, kindOf(child), defaultOf(node, key, at), child.description ?? ''])
      all.below.push(...shapes(child, at), ...shapes(child.items ?? {}, `${at}[]`))
    }
  }
  return all
}

/** One table for each alternative that is a map. */
function shapes(node: Outline, path: string): string[] {
  const alternatives = node.oneOf ?? node.anyOf ?? (node.properties && [node]) ?? []
  return alternatives
    .filter((each) => each.properties !== undefined)
    .flatMap((each, index) => {
      const type = each.properties?.['type']?.const
      const heading = `### \`${path}\`${typeof type === 'string' ? ` of type \`${type}\`` : ''}`
      const isFirst = type !== undefined || index === 0
      return [
        ...(isFirst ? [heading] : []),
        ...(each.description ? [each.description] : []),
        ...tables(each, path),
      ]
    })
}

function kindOf(node: Outline): string {
  if (node.title !== undefined) return node.title.replace(/^(?:an?|the) /, '')
  if (node.const !== undefined) return code(node.const)
  if (node.oneOf !== undefined) return 'one of the types below'
  return node.additionalProperties ? 'map' : 'list'
}

function defaultOf(map: Outline, key: string, path: string): string {
  const node = map.properties?.[key]
  if (node?.default !== undefined) return code(node.default)
  const type = map.properties?.['type']?.const
  const variable =
    [...fills, ...proxyFills].find((each) => formatPath(each.path) === path) ??
    credentialFills.find((each) => each.type === type && formatPath(each.path) === path)
  const isRequired = map.required?.includes(key) ?? false
  const words = [...(isRequired ? ['**required**'] : []), ...(variable ? [`\`${variable.name}\``] : [])]
  return words.join(', or ') || '–'
}

function code(value: unknown): string {
  const text = Array.isArray(value) ? `[${value.join(', ')}]` : JSON.stringify(value)
  return `\`${text.replace(/^"(.*)"$/, '$1')}\``
}

function environment(): string {
  const rows = [
    [`\`${filesVariable}\``, 'Files to read, separated by `:`, when no `--config` is given.'],
    ...overrides.map(({ name, path }) => [`\`${name}\``, `Overrides \`${formatPath(path)}\`.`]),
    ...fills.map(({ name, path }) => [`\`${name}\``, `Fills \`${formatPath(path)}\`.`]),
    ...proxyFills.map(({ name, path }) => [
      `\`${name}\``,
      `Fills \`${formatPath(path)}\`, in lower case, too.`,
    ]),
    ...credentialFills.map(({ name, path, type }) => [
      `\`${name}\``,
      `Fills \`${formatPath(path)}\` of type \`${type}\`; it also chooses that type where the files name none.`,
    ]),
  ]
  const text = `\`GATEWAY_*\` variables speak over the files. \`AZURE_*\` variables only fill what the files leave out,
because webhooks inject them; where the two differ, the file counts and a warning names both. If the files name no
credential and the environment holds several, the gateway does not guess: choose with \`identity.credential.type\`.
\`GATEWAY_REDIS_URL\` needs a \`cache.shared\` with a \`keysFile\` in the files, and no \`cluster\` there. Empty variables
count as absent.

\`HTTPS_PROXY\` and \`NO_PROXY\` fill what the files leave out in the same way. \`https_proxy\` and \`no_proxy\` are read
before them, as curl does. A user and a password in the URL become \`outbound.proxyAuth\`, for that proxy only, and are
never shown. \`NO_PROXY\` separates its hosts by commas or spaces. \`HTTP_PROXY\` and \`ALL_PROXY\` are not read: where
only they are set, a warning says so. \`outbound.proxy: off\` is no proxy, whatever the environment says.`
  return ['## Environment variables', text, table(rows, ['Variable', 'Effect'])].join('\n\n')
}

function table(rows: string[][], head = ['Key', 'Value', 'Default', 'Meaning']): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return lines.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`).join('\n')
}
