# bash completion for trunkline-agent(8)
_trunkline_agent() {
  COMPREPLY=()
  [ "$COMP_CWORD" -eq 1 ] || return 0
  mapfile -t COMPREPLY < <(compgen -W '--boot --accept-machine --version --help' -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -F _trunkline_agent trunkline-agent
