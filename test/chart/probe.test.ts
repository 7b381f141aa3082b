import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { builtProgram, run } from '../commands/program.ts'
import { sharedWorld } from '../security/wire.ts'
import { cases, configIn, type Manifest, only, render } from './render.ts'

const entry = builtProgram()

/** As in `--url=https://…`. */
function argumentsOf(manifests: readonly Manifest[]): readonly string[] {
  const probe = manifests.find(({ kind }) => kind === 'Pod')
  return probe?.['spec'].containers[0].args
}

function optionOf(args: readonly string[], name: string): string | undefined {
  return args.find((arg) => arg.startsWith(`--${name}=`))?.slice(`--${name}=`.length)
}

/** What is in a file of a pod: the Secret, and its key. */
function contentOf(pod: Manifest['spec'], file: string): string {
  const mount = pod.containers[0].volumeMounts.find(({ mountPath }: Manifest) =>
    file.startsWith(`${String(mountPath)}/`),
  )
  const { secret } = pod.volumes.find(({ name }: Manifest) => name === mount.name)
  const path = file.slice(mount.mountPath.length + 1)
  const key = secret.items?.find((item: Manifest) => item['path'] === path)?.key ?? path
  assert.ok(secret.items === undefined || secret.items.length === 1, 'and not its key')
  return `${secret.secretName}/${key}`
}

describe('helm test', () => {
  const world = sharedWorld({
    config: (inFolder) => {
      const tls = { certFile: inFolder('tls.crt'), keyFile: inFolder('tls.key') }
      return { server: { management: { tls } } }
    },
  })

  for (const name of cases) {
    test(`asks Services that there are, at ports that they have: ${name}`, async () => {
      const manifests = await render({ case: name, release: 'blue', namespace: 'soc' })
      for (const option of ['url', 'management-url']) {
        const { hostname, port } = new URL(String(optionOf(argumentsOf(manifests), option)))
        const service = manifests.find(
          ({ kind, metadata }) =>
            kind === 'Service' && `${metadata.name}.${metadata.namespace}.svc` === hostname,
        )
        assert.ok(service !== undefined, hostname)
        const ports = service['spec'].ports.map((each: { port: number }) => String(each.port))
        assert.ok(ports.includes(port || '443'), `${hostname}:${port}`)
      }
    })

    test(`trusts on each port the certificate that it has: ${name}`, async () => {
      const manifests = await render({ case: name })
      const { tls } = configIn(manifests, name === 'everything' ? 'sessions' : undefined).server.management
      const [gateway, probe] = ['Deployment', 'Pod'].map((kind) => only(manifests, kind)['spec'])
      const trusted = optionOf(argumentsOf(manifests), 'management-ca-file')
      if (typeof tls !== 'object' || tls.certFile === '/etc/session-gateway/tls/tls.crt') {
        assert.equal(trusted, undefined)
        return
      }
      assert.equal(contentOf(probe, String(trusted)), contentOf(gateway.template.spec, tls.certFile))
    })

    test(`gives arguments that the program takes: ${name}`, async () => {
      const { folder, port, gateway } = world()
      const token = join(folder, 'probe.token')
      await writeFile(token, await world().workloadToken('nobody'))
      const here: Readonly<Record<string, string>> = {
        url: `https://localhost:${port}`,
        'management-url': `https://localhost:${gateway.managementAddress.port}`,
        'token-file': token,
        'ca-file': join(folder, 'tls.crt'),
        'management-ca-file': join(folder, 'tls.crt'),
        'server-name': 'gateway.example',
      }
      const [command = '', ...options] = argumentsOf(await render({ case: name }))
      const placed = options.map((option) => {
        const key = option.replace(/^--|=.*$/g, '')
        return `--${key}=${here[key] ?? option}`
      })
      const { code, stdout, stderr } = await run([command, ...placed], { entry })
      assert.deepEqual([code, stderr], [0, ''], stdout)
    })
  }
})
