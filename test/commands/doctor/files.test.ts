import { mkdir, writeFile } from 'node:fs/promises'
import { type Keys, selfSigned } from '../../outbound/counterpart.ts'
import { findsOnly } from './broken.ts'
import { startPatient } from './patient.ts'

const patient = await startPatient()
const { inFolder } = patient
const expired = await selfSigned(-30, -1)
const soonOver = await selfSigned(-30, 3)
const tomorrow = await selfSigned(1, 30)

const showing = (name: string): { server: object } => ({
  server: { tls: { certFile: inFolder(`${name}.crt`), keyFile: inFolder(`${name}.key`) } },
})

async function written(name: string, { certPem, keyPem }: Keys): Promise<void> {
  await writeFile(inFolder(`${name}.crt`), certPem)
  await writeFile(inFolder(`${name}.key`), keyPem)
}

findsOnly(patient, [
  {
    what: 'a key that belongs to another certificate',
    config: { server: { tls: { certFile: inFolder('tls.crt'), keyFile: inFolder('other.key') } } },
    prepare: () => writeFile(inFolder('other.key'), expired.keyPem),
    troubles: ['failed server.tls'],
    said: /the key does not belong to the certificate/,
  },
  {
    what: 'a certificate that has expired',
    config: showing('expired'),
    prepare: () => written('expired', expired),
    troubles: ['failed server.tls'],
    said: /until .*; IT HAS EXPIRED\nrenew it/,
  },
  {
    what: 'a certificate that ends within a week',
    config: showing('soonOver'),
    prepare: () => written('soonOver', soonOver),
    troubles: ['warning server.tls'],
    said: /\nrenew it.* ends within a week/,
  },
  {
    what: 'a certificate of tomorrow',
    config: showing('tomorrow'),
    prepare: () => written('tomorrow', tomorrow),
    troubles: ['failed server.tls'],
    said: /not valid before .*\ncompare the clocks/,
  },
  {
    what: 'a certificate file that is not there, of the management port',
    config: {
      server: { management: { tls: { certFile: inFolder('none.crt'), keyFile: inFolder('tls.key') } } },
    },
    troubles: ['failed server.management.tls'],
    said: /none\.crt cannot be read \(ENOENT\)/,
  },
  {
    what: 'a certificate for another name than callers use',
    config: { server: { publicUrl: 'https://sessions.example.com' } },
    troubles: ['failed server.tls'],
    said: /for DNS:localhost, .*\n.*issued for sessions\.example\.com/,
  },
  {
    what: 'a file of certificate authorities that holds none',
    config: { outbound: { caFile: inFolder('client.secret') } },
    troubles: [
      'failed outbound',
      'skipped clock',
      'skipped issuer cluster',
      'skipped issuer oidc',
      'skipped token',
      'skipped roles',
      'skipped graph',
    ],
    said: /outbound\.caFile: .* holds no PEM certificate/,
  },
  {
    what: 'a folder for records that is not there',
    config: { audit: { sink: { file: inFolder('none/records') } } },
    troubles: ['failed audit.sink'],
    said: /none: no file can be made in it \(ENOENT\)\n.*let uid \d+ write to it/,
  },
  {
    what: 'a file of records that is a folder',
    prepare: () => mkdir(inFolder('records'), { recursive: true }),
    config: { audit: { sink: { file: inFolder('records') } } },
    troubles: ['failed audit.sink'],
    said: /not a regular file/,
  },
  {
    what: 'a file of records that is full',
    prepare: () => writeFile(inFolder('full'), Buffer.alloc(2 ** 20)),
    config: { audit: { sink: { file: inFolder('full'), maxSize: '1MiB' } } },
    troubles: ['failed audit.sink'],
    said: /has reached audit\.sink\.maxSize\n.*SIGHUP/,
  },
  {
    what: 'a key to sign with that is none',
    config: { audit: { signingKeyFile: inFolder('tls.key') } },
    troubles: ['failed audit.signingKeyFile'],
    said: /no Ed25519 private key/,
  },
  {
    what: 'a cache that is too large for the heap',
    config: { cache: { memory: '60GiB' } },
    troubles: ['failed cache.memory'],
    said: /more than half of what Node's heap may take.*--max-old-space-size/,
  },
])
