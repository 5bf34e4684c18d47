const BASH = `# bash completion for pcg
_pcg() {
  local word
  COMPREPLY=()
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ \${#COMPREPLY[@]} -eq 1 ] && [ "\${COMPREPLY[0]}" = ':files' ]; then
    COMPREPLY=()
    compopt -o default 2>/dev/null
  fi
}
complete -F _pcg pcg
`

const ZSH = `#compdef pcg
# zsh completion for pcg
_pcg() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${found[1]}" == ':files' ]]; then
    _files
  else
    compadd -- \${(@)found:#}
  fi
}
compdef _pcg pcg
`

/** The script for a shell. It knows no commands itself: it asks \`pcg __complete\`, which walks the command tree. */
export function completionScript(shell: 'bash' | 'zsh'): string {
  return shell === 'bash' ? BASH : ZSH
}
