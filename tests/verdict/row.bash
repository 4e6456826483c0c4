# row.bash: plays a row that a student wrote. tests/sandbox/row.c has taken it
# in: in the file KIT_ROW each line is a sentence, NUMBER KIND WORD..., with tabs
# between. Its words are arguments, and never text of a shell's.
#
# shellcheck disable=SC2034,SC2154 # The variables are those of language.bash.

: "${ROW_SECONDS:=60}" # all of it may take so long

play_row() {
    local line began=$SECONDS
    while IFS= read -r line <&7; do
        cut_up "$line"
        ROW_LINE=${CUT[0]}
        # Not in a condition: the first command that fails ends the test.
        sentence_of_a_row "${CUT[@]:2}"
        if [ $((SECONDS - began)) -gt "$ROW_SECONDS" ]; then
            because harness "It takes longer than $ROW_SECONDS s: make it shorter."
            return 1
        fi
    done 7<"$KIT_ROW"
}

# Sets CUT to what stands between the tabs. A word may be empty.
cut_up() {
    local rest=$1$'\t'
    CUT=()
    while [ -n "$rest" ]; do
        CUT[${#CUT[@]}]=${rest%%$'\t'*}
        rest=${rest#*$'\t'}
    done
}

# The sentences of the language, and a few that only a row has.
sentence_of_a_row() {
    case $1 in
        alice | bob | carol | dave | crowd | storm | the | everyone | nobody | \
            console)
            "$@"
            return ;;
    esac
    case "$*" in
        'threads are watched') told "$@"; with_tsan ;;
        'there is no race') there_is_no_race ;;
        'memory is watched') told "$@"; with_leak_check ;;
        *' clients leave no memory behind') no_client_leaked "$1" ;;
        'descriptors are watched')
            told "$@"
            watched closes || skip "the linker here cannot send calls to strict.c" ;;
        'no descriptor is closed twice') none_is_closed_twice ;;
        *) told "$@"; no_such_sentence ;;
    esac
}
