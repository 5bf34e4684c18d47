export interface Paint {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  cyan(text: string): string
}

/** Colours by ANSI escape sequences (ECMA-48 SGR), or none. */
export function paintFor(output: { readonly colour: boolean }): Paint {
  const style =
    (on: number, off: number) =>
    (text: string): string =>
      output.colour && text !== '' ? `\x1b[${on}m${text}\x1b[${off}m` : text
  return {
    bold: style(1, 22),
    dim: style(2, 22),
    red: style(31, 39),
    green: style(32, 39),
    yellow: style(33, 39),
    cyan: style(36, 39),
  }
}

// Built rather than written: a control character in a literal pattern looks like a mistake.
const ESCAPE = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')

/** How many columns a text takes on a terminal, colours aside. */
export function textWidth(text: string): number {
  return [...text.replace(ESCAPE, '')].length
}

/** The text in at most `width` columns, with … where something was cut. Colours are lost if it is cut. */
export function shortened(text: string, width: number): string {
  if (textWidth(text) <= width) return text
  const plain = [...text.replace(ESCAPE, '')]
  return width < 1 ? '' : `${plain.slice(0, width - 1).join('')}…`
}

/** The colour of a phase or severity: green is well, yellow under way, red needs somebody. */
export function paintState(paint: Paint, state: string): string {
  switch (state) {
    case 'Ready':
    case 'Connected':
    case 'True':
    case 'ok':
    case 'done':
      return paint.green(state)
    case 'Failed':
    case 'Invalid':
    case 'Suspended':
    case 'Degraded':
    case 'Revoked':
    case 'False':
    case 'error':
    case 'failed':
      return paint.red(state)
    case 'Pending':
    case 'Provisioning':
    case 'Booting':
    case 'Updating':
    case 'Drifted':
    case 'Deleting':
    case 'Disconnected':
    case 'Unknown':
    case 'Verifying':
    case 'warning':
    case 'retrying':
      return paint.yellow(state)
    default:
      return state
  }
}

/** Without control characters, so that text from a cloud can't move the cursor or recolour the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ')
}
