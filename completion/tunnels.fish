# Completion of tunnels for fish. In ~/.config/fish/config.fish: tunnels completion fish | source
#
# `tunnels __complete` is asked, one line an answer: a word, a tab, what it is. A line that begins with a colon says what the
# shell itself completes. The tunnels of PATH is asked, whatever is typed: ./tunnels of a cloned folder is nobody's to run.

function __tunnels_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (command tunnels __complete $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (commandline -ct)
            case ':command*'
                set -l offset (math (string replace ':command ' '' -- $line) + 2)
                set -l before
                test $offset -lt (count $words); and set before (string escape -- $words[$offset..-2])
                complete -C (string join ' ' -- $before (commandline -ct))
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c tunnels -f -a '(__tunnels_complete)'
