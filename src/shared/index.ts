export { watchKeys, type Key, type Keys, type KeysFile, type KeysFileOptions } from './keys.ts'
