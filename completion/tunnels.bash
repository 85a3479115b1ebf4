# Completion of tunnels for bash. In ~/.bashrc: eval "$(tunnels completion bash)"
#
# `tunnels __complete` is asked, one line an answer: a word, a tab, what it is. A line that begins with a colon says what the
# shell itself completes. The tunnels of PATH is asked, whatever is typed: ./tunnels of a cloned folder is nobody's to run.

_tunnels() {
  local line word=${COMP_WORDS[COMP_CWORD]} offset
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files)
        compopt -o filenames 2>/dev/null
        while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
        ;;
      :command*)
        offset=$((${line#:command } + 1))
        if declare -F _command_offset >/dev/null; then
          _command_offset "$offset"
        elif ((COMP_CWORD == offset)); then
          while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$word")
        else
          while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$word")
        fi
        ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <(command tunnels __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _tunnels tunnels
