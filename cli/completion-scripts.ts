/** What a completion script knows of a verb. */
export interface CompletedVerb {
  name: string
  summary: string
  /** Its options with their dashes. */
  options: readonly string[]
}

const globalOptions = ['-C', '--json', '--quiet', '--verbose', '--no-color', '--help', '--version']

/** A script for bash 3.2 and later; it needs no other completion package. */
export function bashScript(verbs: readonly CompletedVerb[]): string {
  return `# Completion of dits for bash.
_dits() {
  local word verb index options
  word=\${COMP_WORDS[COMP_CWORD]}
  verb=
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      -C) index=$((index + 1)) ;;
      -*) ;;
      *) verb=\${COMP_WORDS[index]}; break ;;
    esac
  done
  COMPREPLY=()
  case $verb in
    '') options='${[...globalOptions, ...verbs.map(({ name }) => name)].join(' ')}' ;;
${verbs.map(({ name, options }) => `    ${name}) options='${options.join(' ')}' ;;`).join('\n')}
    *) options= ;;
  esac
  case $verb in
    help) options="$options ${verbs.map(({ name }) => name).join(' ')}" ;;
    completion) options="$options bash zsh fish" ;;
  esac
  case $verb:$word in
    :* | help:* | completion:* | *:-*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
  esac
}
complete -o bashdefault -o default -F _dits dits
`
}

/** A script for zsh's completion system, to be placed as \`_dits\` in \`$fpath\`. */
export function zshScript(verbs: readonly CompletedVerb[]): string {
  return `#compdef dits
# Completion of dits for zsh.
_dits() {
  local -a verbs
  local verb
  verbs=(
${verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
  )
  integer index=2
  while (( index < CURRENT )); do
    case $words[index] in
      -C) (( index++ )) ;;
      -*) ;;
      *) verb=$words[index]; break ;;
    esac
    (( index++ ))
  done
  case $verb in
    '') if [[ $PREFIX == -* ]]; then compadd -- ${globalOptions.join(' ')}; else _describe 'command' verbs; fi; return ;;
    help) _describe 'command' verbs; return ;;
    completion) compadd -- bash zsh fish; return ;;
  esac
  if [[ $PREFIX == -* ]]; then
    case $verb in
${verbs.map(({ name, options }) => `      ${name}) compadd -- ${options.join(' ')} ;;`).join('\n')}
    esac
  else
    _files
  fi
}
if [[ $funcstack[1] == _dits ]]; then _dits "$@"; else compdef _dits dits; fi
`
}

/** A script for fish. */
export function fishScript(verbs: readonly CompletedVerb[]): string {
  const lines = verbs.flatMap(({ name, summary, options }) => [
    `complete -c dits -n __fish_use_subcommand -f -a ${name} -d ${quote(summary)}`,
    ...options.map((option) => `complete -c dits -n '__fish_seen_subcommand_from ${name}' ${fishOption(option)}`),
  ])
  return `# Completion of dits for fish.
complete -c dits -n __fish_use_subcommand -s C -r -d 'work in this folder'
${lines.join('\n')}
complete -c dits -n '__fish_seen_subcommand_from help' -f -a '${verbs.map(({ name }) => name).join(' ')}'
complete -c dits -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'
`
}

function fishOption(option: string): string {
  return option.startsWith('--') ? `-l ${option.slice(2)}` : `-s ${option.slice(1)}`
}

/** In single quotes for a shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
