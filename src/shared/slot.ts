/** CRC-16/XMODEM, a byte at a time. */
const crcOf = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/**
 * Which of a cluster's 16,384 slots a key is in: by what stands in its first braces, if anything does.
 *
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open + 1)
  const counted = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (const byte of Buffer.from(counted)) crc = ((crc << 8) & 0xffff) ^ (crcOf[(crc >> 8) ^ byte] ?? 0)
  return crc % 16_384
}
