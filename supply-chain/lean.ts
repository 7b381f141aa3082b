/**
 * Plugins of the bundler for a quick start: what a library brings along and nothing here uses is not loaded, and what is
 * used rarely is loaded late.
 *
 * @module
 */

import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'
import { projectFolder } from './npm.ts'

/**
 * For an `import` of one of its own modules Node makes a list of all that it exports, and reads each: of `node:http` also
 * `WebSocket`, for which it loads a whole undici. Who asks for the module itself gets what is named, and nothing else.
 */
export const builtins: Plugin = {
  name: 'builtins',
  setup(bundler) {
    bundler.onResolve({ filter: /^(?:node:)?[a-z_]/ }, ({ kind, path }) =>
      kind === 'import-statement' && isBuiltin(path)
        ? { path: path.replace('node:', ''), namespace: 'builtin', sideEffects: false }
        : undefined,
    )
    bundler.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path) ?? {}).filter((name) => name !== 'default')
      const contents = [
        `const builtin = process.getBuiltinModule('node:${path}')`,
        'const its = (name) => builtin[name]',
        'export default builtin',
        // Pure: what nobody imports is not read.
        ...names.map((name) => `export const ${name} = /* @__PURE__ */ its('${name}')`),
      ]
      return { contents: contents.join('\n') }
    })
  },
}

/**
 * What libraries load for a use that nothing here makes of them: other libraries, files of their own, modules of Node. Who
 * makes it after all is told so.
 */
const needless: readonly { readonly of: string; readonly what: RegExp }[] = [
  // It only routes here, and what is asked has neither a body nor a query that is parsed.
  { of: 'express', what: /^(?:body-parser|serve-static|qs)$/ },
  // It is told not to speak HTTP/2.
  { of: 'undici', what: /^\.\/client-h2\.js$/ },
  // Commands are functions, not programs of their own.
  { of: 'commander', what: /^node:child_process$/ },
  // It is scraped, by itself, and without exemplars.
  { of: 'prom-client', what: /^(?:\.\/lib\/(?:pushgateway|cluster)|@opentelemetry\/api)$/ },
]

export const withoutNeedless: Plugin = {
  name: 'without-needless',
  setup(bundler) {
    for (const { of, what } of needless) {
      bundler.onResolve({ filter: what }, ({ path, importer }) =>
        importer.includes(`/node_modules/${of}/`) ? { path, namespace: 'needless' } : undefined,
      )
    }
    bundler.onLoad({ filter: /.*/, namespace: 'needless' }, ({ path }) => ({
      contents: `
        const refuse = () => { throw new Error(${JSON.stringify(`${path} is left out of this build`)}) }
        module.exports = new Proxy(refuse, { get: (_, name) => name === '__esModule' ? undefined : refuse })`,
    }))
  },
}

/**
 * Libraries that are loaded by whoever first calls one of these functions of theirs: MSAL signs where the credential is a
 * certificate, and Express has a list made of all the media types there are.
 */
const onFirstCall: Readonly<Record<string, readonly string[]>> = {
  jsonwebtoken: ['sign'],
  'mime-types': ['charset', 'contentType', 'extension', 'lookup'],
}

export const deferred: Plugin = {
  name: 'deferred',
  setup(bundler) {
    const filter = new RegExp(`^(?:${Object.keys(onFirstCall).join('|')})$`)
    bundler.onResolve({ filter }, ({ path, namespace }) =>
      namespace === 'deferred' ? undefined : { path, namespace: 'deferred' },
    )
    bundler.onLoad({ filter: /.*/, namespace: 'deferred' }, ({ path }) => {
      const library = `require(${JSON.stringify(path)})`
      const functions = onFirstCall[path]?.map(
        (name) => `${name}: (...given) => ${library}.${name}(...given)`,
      )
      return { contents: `module.exports = { ${functions?.join(', ')} }`, resolveDir: projectFolder }
    })
  },
}
