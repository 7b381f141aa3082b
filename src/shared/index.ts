export { watchKeys, type Key, type Keys, type KeysFile, type KeysFileOptions } from './keys.ts'
export { createSealing, type Refusal, type Sealing } from './sealing.ts'
