/**
 * What to do with the elements of an XML document, as a tree of rules that follows the document's: an element without a
 * rule is passed over with all that is in it.
 */
export interface Rule {
  readonly children?: Children
  /** For elements that `children` doesn't name. */
  readonly others?: Rule
  /** The element begins. */
  begin?(): void
  /**
   * The element begins, and what it holds depends on its type or on what came before: the rule to go on with, or
   * undefined to pass it over.
   * @param type its `xsi:type` without prefix, else its plain `type`, else ''.
   */
  choose?(type: string): Rule | undefined
  /** The element ends, and held this text. Asked only where there is a rule for it, so that other text is never kept. */
  text?(value: string): void
  end?(): void
}

/** The rules for an element's children, by local name. */
export function children(rules: Readonly<Record<string, Rule>>): Children {
  return new Children(rules)
}

interface Named {
  readonly name: string
  readonly rule: Rule
}

/**
 * Rules by name, found without making a string of the name: by its length, first and last character, and then by
 * comparing it where it stands.
 */
export class Children {
  readonly #byKey = new Map<number, readonly Named[]>()

  constructor(rules: Readonly<Record<string, Rule>>) {
    for (const [name, rule] of Object.entries(rules)) {
      const key = keyOf(name, 0, name.length)
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), { name, rule }])
    }
  }

  /** The rule for the name that stands in `text` from `from` to `to`. */
  find(text: string, from: number, to: number): Named | undefined {
    const candidates = this.#byKey.get(keyOf(text, from, to))
    if (candidates === undefined) return undefined
    for (const candidate of candidates) {
      if (candidate.name.length === to - from && text.startsWith(candidate.name, from)) return candidate
    }
    return undefined
  }
}

function keyOf(text: string, from: number, to: number): number {
  return ((to - from) << 16) | (text.charCodeAt(from) << 8) | text.charCodeAt(to - 1)
}
