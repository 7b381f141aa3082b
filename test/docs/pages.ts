/** What stands in a page of the documentation. */

/** The fenced blocks of one language. */
export function fencedIn(page: string, language: string): string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))
  return [...blocks].map(([, text = '']) => text)
}

/** Everything that is indented as code, as one text. */
export function indentedIn(page: string): string {
  return page
    .replaceAll(/^```.*?^```/gms, '')
    .split('\n')
    .filter((line) => line.startsWith('    ') || line === '')
    .join('\n')
}

/** The cells of each row of each table, heads left out. */
export function columnsOf(page: string): string[][] {
  const lines = page.split('\n')
  return lines
    .filter(
      (line, index) =>
        line.startsWith('| ') && !(lines[index + 1] ?? '').startsWith('| --') && !/^\| -+/.test(line),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}
