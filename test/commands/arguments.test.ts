import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import packageJson from '../../package.json' with { type: 'json' }
import { builtProgram, run } from './program.ts'

for (const entry of ['src/main.ts', builtProgram()]) {
  describe(entry, { concurrency: true }, () => {
    test('--version is the version of the package', async () => {
      const { code, stdout, stderr } = await run(['--version'], { entry })
      assert.deepEqual([code, stdout, stderr], [0, `${packageJson.version}\n`, ''])
    })

    test('--help names every command, on stdout', async () => {
      const { code, stdout, stderr } = await run(['--help'], { entry })
      assert.deepEqual([code, stderr], [0, ''])
      for (const command of [
        'serve',
        'check-config',
        'print-config',
        'doctor',
        'explain',
        'purge',
        'probe',
        'demo',
        'emulate',
      ]) {
        assert.match(stdout, new RegExp(`^ {2}${command} .*\\S`, 'm'))
      }
    })

    const wrong: readonly [args: string[], said: RegExp][] = [
      [[], /^Usage: session-gateway/],
      [['serv'], /^error: unknown command 'serv'/],
      [['--loud'], /^error: unknown option '--loud'/],
      [['serve', '--loud'], /^error: unknown option '--loud'/],
      [['serve', 'gateway.yaml'], /^error: too many arguments/],
      [['serve', '-c'], /^error: option '-c, --config <file...>' argument missing/],
      [['emulate', '--port', 'x'], /^error: option '-p, --port <port>' argument 'x' is invalid/],
      [['emulate', '--port', '65536'], /^error: option '-p, --port <port>' argument '65536' is invalid/],
      [['purge'], /^error: say what: --all, or --workspace <id>/],
      [['purge', '--all', '--workspace', 'x'], /^error: say what/],
      [['purge', '--all', '--session', 'x'], /^error: --session goes with --workspace/],
      [['purge', '--session', 'x'], /^error: say what/],
      [['purge', '--all', '--url', 'localhost:9090'], /^error: --url takes an http or https URL/],
      [['purge', '--all', '--server-name', '::1'], /^error: --server-name takes the DNS name/],
      [
        ['probe', '--url', 'http://localhost'],
        /^error: required option '--management-url <url>' not specified/,
      ],
      [
        ['probe', '--url', 'http://localhost', '--management-url', 'localhost:9090'],
        /^error: --management-url takes an http or https URL/,
      ],
      [
        ['probe', '--url', 'http://localhost', '--management-url', 'http://localhost', '--wait', '30'],
        /^error: option '--wait <duration>' argument '30' is invalid\. Give a duration such as 30s or 2m/,
      ],
      [['doctor', 'gateway.yaml'], /^error: too many arguments/],
      [['explain'], /^error: missing required argument 'path'/],
      [['explain', 'beta/security'], /^error: the path begins with "\/"/],
      [['explain', '/beta/security', '--url', 'localhost:8443'], /^error: --url takes an http or https URL/],
      [['emulate', '--port', ''], /^error: option '-p, --port <port>' argument '' is invalid/],
    ]
    for (const [args, said] of wrong) {
      test(`${['session-gateway', ...args].join(' ')} exits with 2 and says how it is used, on stderr`, async () => {
        const { code, stdout, stderr } = await run(args, { entry })
        assert.deepEqual([code, stdout], [2, ''])
        assert.match(stderr, said)
        assert.match(stderr, /^Usage: session-gateway/m)
      })
    }
  })
}

test('serve --help says where the configuration comes from', async () => {
  const { code, stdout } = await run(['serve', '--help'])
  assert.equal(code, 0)
  assert.match(stdout, /--config <file\.\.\.>/)
  assert.match(stdout, /GATEWAY_CONFIG/)
})
