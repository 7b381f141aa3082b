/**
 * Charts as SVG that a page shows as an image: readable where the reader's screen is light, and where it is dark. The
 * ground is painted, since a page may be light on a screen that prefers dark.
 *
 * @module
 */

import { median, readable } from './report.ts'

/** Bars for what contestants reach, with what their runs spread over as whiskers. */
export interface BarChart {
  readonly kind: 'bars'
  readonly title: string
  readonly unit: string
  /** Contestant → its runs. Those that begin with `session-gateway` stand out. */
  readonly rows: Readonly<Record<string, readonly number[]>>
}

/** Lines over a logarithmic axis; the other one begins at 0. */
export interface LineChart {
  readonly kind: 'lines'
  readonly title: string
  readonly xTitle: string
  readonly yTitle: string
  /** At most four, each with x > 0. */
  readonly series: Readonly<Record<string, readonly (readonly [x: number, y: number])[]>>
}

export type Chart = BarChart | LineChart

const width = 760
/** What a letter takes on average, more than less. */
const letter = 7

export function draw(chart: Chart): string {
  return chart.kind === 'bars' ? barChart(chart) : lineChart(chart)
}

export function barChart({ title, unit, rows }: Omit<BarChart, 'kind'>): string {
  const all = Object.entries(rows)
  const left = 28 + letter * Math.max(...all.map(([name]) => name.length))
  const [top, step, right] = [52, 28, 84]
  const bottom = top + all.length * step
  const ticks = ticksUpTo(Math.max(...all.flatMap(([, runs]) => runs)))
  const x = (value: number): number => left + ((width - left - right) * value) / (ticks.at(-1) ?? 1)
  const grid = ticks.map((tick) => line('grid', x(tick), top - 8, x(tick), bottom))
  const labels = ticks.map((tick) => label('quiet middle', x(tick), bottom + 18, count(tick)))
  const bars = all.flatMap(([name, runs], index) => {
    const y = top + index * step
    const [least, middle, most] = [Math.min(...runs), median(runs), Math.max(...runs)]
    const kind = name.startsWith('session-gateway') ? 'own' : 'other'
    return [
      label('end', left - 10, y + 13, name),
      `<rect class="${kind}" x="${n(left)}" y="${y}" width="${n(x(middle) - left)}" height="18" rx="2"/>`,
      line('whisker', x(least), y + 9, x(most), y + 9),
      ...[least, most].map((edge) => line('whisker', x(edge), y + 5, x(edge), y + 13)),
      label('', x(most) + 8, y + 13, count(middle)),
    ]
  })
  const axis = label('quiet middle', (left + width - right) / 2, bottom + 38, unit)
  return page(title, bottom + 50, [...grid, ...labels, ...bars, axis])
}

export function lineChart({ title, xTitle, yTitle, series }: Omit<LineChart, 'kind'>): string {
  const all = Object.entries(series)
  const points = all.flatMap(([, through]) => through)
  const [top, bottom, left, right] = [76, 356, 78, 40]
  const decades = decadesAround(points.map(([value]) => value))
  const ticks = ticksUpTo(Math.max(...points.map(([, value]) => value)))
  const [first = 1, last = 10] = [decades[0], decades.at(-1)]
  const x = (value: number): number =>
    left + ((width - left - right) * Math.log(value / first)) / Math.log(last / first)
  const y = (value: number): number => bottom - ((bottom - top) * value) / (ticks.at(-1) ?? 1)
  return page(title, bottom + 52, [
    ...ticks.flatMap((tick) => [
      line('grid', left, y(tick), width - right, y(tick)),
      label('quiet end', left - 8, y(tick) + 4, count(tick)),
    ]),
    ...decades.map((decade) => label('quiet middle', x(decade), bottom + 18, count(decade))),
    label('quiet middle', (left + width - right) / 2, bottom + 40, xTitle),
    `<text class="quiet middle" transform="translate(20 ${(top + bottom) / 2}) rotate(-90)">${escape(yTitle)}</text>`,
    ...all.flatMap(([, through], index) => {
      const corners = through.map(([atX, atY]) => [n(x(atX)), n(y(atY))] as const)
      return [
        `<polyline class="line s${index}" points="${corners.join(' ')}"/>`,
        ...corners.map(([cx, cy]) => `<circle class="d${index}" cx="${cx}" cy="${cy}" r="3.5"/>`),
      ]
    }),
    ...legend(all.map(([name]) => name)),
  ])
}

/** Of Okabe and Ito, which people tell apart whatever colours they see; lighter ones on a dark ground. */
const light = ['#0072b2', '#c44e00', '#00805d', '#a8568a']
const dark = ['#56b4e9', '#f0a04b', '#35d0a5', '#e39cc6']

function page(title: string, height: number, parts: readonly string[]): string {
  const colours = (palette: readonly string[]): string =>
    palette.map((colour, index) => `.s${index}{stroke:${colour}}.d${index}{fill:${colour}}`).join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<style>
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:15px;font-weight:600}.quiet{fill:#59636e;font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}
.ground{fill:#fff}.grid{stroke:#d1d9e0}.whisker{stroke:#1f2328;stroke-width:1.5}.own{fill:#4a9ad4}.other{fill:#b6bec7}
.line{fill:none;stroke-width:2}${colours(light)}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.ground{fill:#0d1117}.grid{stroke:#30363d}
.whisker{stroke:#e6edf3}.own{fill:#2f7cc0}.other{fill:#59636e}${colours(dark)}}
</style>
<rect class="ground" width="${width}" height="${height}" rx="6"/>
${[label('title', 20, 28, title), ...parts].join('\n')}
</svg>
`
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}"/>`
}

function label(kind: string, x: number, y: number, text: string): string {
  return `<text class="${kind}" x="${n(x)}" y="${n(y)}">${escape(text)}</text>`
}

function legend(names: readonly string[]): string[] {
  let x = 20
  return names.flatMap((name, index) => {
    const at = x
    x += 40 + letter * name.length
    return [`<circle class="d${index}" cx="${n(at + 5)}" cy="48" r="5"/>`, label('', at + 16, 52, name)]
  })
}

/** From 0 in steps of 1, 2 or 5 times a power of ten; the last one at or above the most. */
function ticksUpTo(most: number): number[] {
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 5].find((times) => times * power >= rough) ?? 10) * power
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

function decadesAround(values: readonly number[]): number[] {
  const from = Math.floor(Math.log10(Math.min(...values)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))))
  return Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index))
}

/** '57,300', '0.95' */
function count(value: number): string {
  return value >= 1000
    ? Math.round(value).toLocaleString('en')
    : value % 1 === 0
      ? String(value)
      : readable(value)
}

function n(value: number): string {
  return value.toFixed(1)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
