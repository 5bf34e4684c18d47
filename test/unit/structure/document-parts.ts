/** What the checks of documents look at. */

const FENCE = /^( *)```.*\n([\s\S]*?)^\1```/gm
const INLINE = /`([^`]+)`/g

/** Lines of code and of commands in a Markdown text, or in the comments of a YAML one: fenced, indented, then inline. */
export function codeIn(file: string, text: string): string[] {
  if (!file.endsWith('.md')) {
    const comments = text.split('\n').flatMap((line) => /(?:^|\s)#(.*)$/.exec(line)?.[1] ?? [])
    return [
      ...comments.filter((line) => /^ {3,}/.test(line)).map((line) => line.trim()),
      ...inlineIn(comments.join('\n')),
    ]
  }
  const fenced = [...text.matchAll(FENCE)].flatMap(([, , code = '']) => code.split('\n'))
  const prose = text.replace(FENCE, '')
  // Four spaces are code only behind a blank line; elsewhere they go on with what is above.
  const indented = [...prose.matchAll(/\n\n((?: {4}.*\n)+)/g)].flatMap(([, code = '']) => code.split('\n'))
  return [...[...fenced, ...indented].map((line) => line.trim()).filter((line) => line !== ''), ...inlineIn(prose)]
}

function inlineIn(text: string): string[] {
  return [...text.matchAll(INLINE)].map(([, code = '']) => code.replace(/\s+/g, ' '))
}

/** Where links and pictures lead, those to other sites left out. */
export function linksIn(text: string): string[] {
  const prose = text.replace(FENCE, '').replace(INLINE, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, target = '']) => target)
  return links.filter((target) => !/^[a-z]+:/.test(target))
}

/** The headings, as links name them. */
export function headingsIn(text: string): string[] {
  return [...text.replace(FENCE, '').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

/** The commands that a source's messages tell people to type, between backticks. */
export function messageCommandsIn(source: string): string[] {
  return [...source.matchAll(/\\?`((?:npx )?pcg [^`\\\n]*)\\?`/g)].map(([, line = '']) => line)
}
