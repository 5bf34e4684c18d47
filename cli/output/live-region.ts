import type { Output } from '../host.ts'
import { shortened } from './paint.ts'

const REDRAW_MS = 100
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

/** The last lines of a terminal, drawn anew as they change; other text scrolls above them. */
export class LiveRegion {
  readonly #output: Output
  readonly #rows: () => number
  readonly #timer: NodeJS.Timeout
  #render: () => readonly string[]
  #drawn = 0
  #last = ''

  /** `render` gives the lines of now; it is called ten times a second. */
  constructor(output: Output, rows: () => number, render: () => readonly string[]) {
    this.#output = output
    this.#rows = rows
    this.#render = render
    output.write(HIDE_CURSOR)
    this.#timer = setInterval(() => this.#draw(''), REDRAW_MS)
  }

  /** Writes text above the region. */
  write(text: string): void {
    this.#draw(text)
  }

  /** Leaves the lines as they are now. */
  close(): void {
    clearInterval(this.#timer)
    this.#draw('')
    this.#output.write(SHOW_CURSOR)
  }

  #draw(above: string): void {
    const width = this.#output.columns()
    const all = this.#render().map((line) => shortened(line, width - 1))
    // What has scrolled off the screen can't be reached by the cursor any more.
    const room = Math.max(3, this.#rows() - 2)
    const lines = all.length <= room ? all : [...all.slice(0, room - 1), `… and ${all.length - room + 1} more`]
    const text = lines.map((line) => `${line}\n`).join('')
    // Drawing the same again would only flicker.
    if (above === '' && text === this.#last) return
    this.#last = text
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`
    this.#output.write(`${up}\r\x1b[J${above}${text}`)
    this.#drawn = lines.length
  }
}
