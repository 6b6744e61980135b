# bash completion for trunkline-agent(8)
_trunkline_agent() {
  local word="${COMP_WORDS[COMP_CWORD]}" words=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='join leave status doctor --boot --accept-machine --version --help'
  else
    case "${COMP_WORDS[COMP_CWORD - 1]}" in
      --ca-file | --settings)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return 0
        ;;
    esac
    case "${COMP_WORDS[1]}" in
      join) words='--name --ca-file --settings --help' ;;
      leave) words='--force --settings --help' ;;
      status | doctor) words='--json --settings --help' ;;
    esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _trunkline_agent trunkline-agent
