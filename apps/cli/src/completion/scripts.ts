/** Shells that can be taught to complete. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What the program prints where names of files are meant. */
export const filesMark = ':files';

/** All of them ask the program itself, so that there is one place that knows what may come. */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `# trunkline completion for bash: source <(trunkline completion bash)
_trunkline() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [ "$line" = '${filesMark}' ]; then
      compopt -o default 2>/dev/null
      COMPREPLY=()
      return
    fi
    COMPREPLY+=("$line")
  done < <(trunkline __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _trunkline trunkline
`,
  zsh: `#compdef trunkline
# trunkline completion for zsh: source <(trunkline completion zsh), or as _trunkline in a folder of fpath
_trunkline() {
  local -a candidates
  candidates=("\${(@f)$(trunkline __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ "\${candidates[1]}" == '${filesMark}' ]]; then
    _files
  elif [[ -n "\${candidates[1]}" ]]; then
    compadd -- "\${candidates[@]}"
  fi
}
if [[ "\${funcstack[1]}" == '_trunkline' ]]; then
  _trunkline "$@"
else
  compdef _trunkline trunkline
fi
`,
  fish: `# trunkline completion for fish: trunkline completion fish > ~/.config/fish/completions/trunkline.fish
function __trunkline_complete
    set -l before (commandline -opc)
    set -l candidates (trunkline __complete -- $before[2..-1] (commandline -ct) 2>/dev/null)
    if test "$candidates[1]" = '${filesMark}'
        __fish_complete_path (commandline -ct)
    else
        printf '%s\\n' $candidates
    end
end
complete -c trunkline -f -a '(__trunkline_complete)'
`,
};

/** The text that a shell sources. */
export const completionScript = (shell: Shell): string => scripts[shell];
