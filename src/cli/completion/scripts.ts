/** Completion for bash, zsh and fish, as text. Names of sandboxes are asked for when they are needed, and only then. */
import type { Words } from "./words.ts";

/** A program and its words. */
export interface Completed {
  readonly program: string;
  readonly words: Words;
  /** Its first word may be a sandbox; `@ …` in the words is what comes then. */
  readonly named: boolean;
}

/** For bash: the line after the last word that is typed is looked up, shortened until it is known. */
export function bashCompletion(programs: readonly Completed[]): string {
  return programs.map(bashFor).join("\n");
}

/** For zsh, which takes bash's with its own loader. */
export function zshCompletion(programs: readonly Completed[]): string {
  return `autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n${bashCompletion(programs)}`;
}

function bashFor({ program, words, named }: Completed): string {
  const rows = [...words].map(([path, next]) => `    '${path}') echo '${next.join(" ")}' ;;`);
  const names = `$(${program} completion --names 2>/dev/null)`;
  return `_${program}_words() {
  case "$1" in
${rows.join("\n")}
    *) return 1 ;;
  esac
}
_${program}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path="" word found i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] && continue
    ${named ? `if [[ -z $path ]] && ! _${program}_words "$word" >/dev/null; then word=@; fi` : ":"}
    path="\${path:+$path }$word"
  done
  until found=$(_${program}_words "$path"); do
    [[ $path == *" "* ]] && path=\${path% *} || path=""
  done
  ${named ? `[[ -z $path ]] && found="$found ${names}"` : ":"}
  COMPREPLY=($(compgen -W "$found" -- "$cur"))
}
complete -o default -F _${program} ${program}
`;
}

/** For fish. */
export function fishCompletion(programs: readonly Completed[]): string {
  return programs.map(fishFor).join("\n");
}

function fishFor({ program, words, named }: Completed): string {
  const rows = [...words].map(([path, next]) => `    case '${path}'\n      printf '%s\\n' ${next.join(" ")}`);
  return `function __${program}_words
  switch "$argv[1]"
${rows.join("\n")}
    case '*'
      return 1
  end
end
function __${program}_complete
  set -l path
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    ${named ? `if test (count $path) -eq 0; and not __${program}_words $word >/dev/null\n      set word @\n    end` : "true"}
    set -a path $word
  end
  while not __${program}_words "$path"
    set -e path[-1]
  end
  ${named ? `if test (count $path) -eq 0\n    ${program} completion --names 2>/dev/null\n  end` : "true"}
end
complete -c ${program} -a '(__${program}_complete)'
`;
}
