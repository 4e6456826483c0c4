# ladder.bash: what neighbouring rungs share, the parts of a step, and how many
# lines a step may add. Read by tools/check.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

split_functions() {
    local p
    for p in $(programs); do
        [ -d "$work/functions/$p" ] ||
            tools/functions --split "$work/functions/$p" "$(source_of "$p")"
    done
}

# Both ways: what differs must be listed, and what is listed must differ.
check_shared() {
    local from to f why step tab=$'\t'
    split_functions
    pairs >"$work/steps"
    grep -v '^#' tools/lessons.tsv >"$work/lessons"
    while read -r from to; do
        for f in "$work/functions/$from"/*; do
            f=${f##*/}
            [ -f "$work/functions/$to/$f" ] || continue
            cmp -s "$work/functions/$from/$f" "$work/functions/$to/$f" ||
                grep -q "^$from$tab$to$tab$f$tab" "$work/lessons" || {
                echo "$f() differs between $from and $to, and that is no lesson:"
                diff "$work/functions/$from/$f" "$work/functions/$to/$f" |
                    sed -n 's/^[<>]/    &/p'
                told=yes
            }
        done
    done <"$work/steps"
    [ -z "${told:-}" ] ||
        echo "Carry the change (make carry FROM=...), or name it in tools/lessons.tsv."
    while IFS=$tab read -r from to f why; do
        step="tools/lessons.tsv: $from, $to, $f:"
        if ! grep -qx "$from $to" "$work/steps"; then
            echo "$step these are no neighbours"
        elif [ ! -f "$work/functions/$from/$f" ]; then
            echo "$step $from has no such function"
        elif [ ! -f "$work/functions/$to/$f" ]; then
            echo "$step $to has no such function"
        elif cmp -s "$work/functions/$from/$f" "$work/functions/$to/$f"; then
            echo "$step it is the same in both"
        fi
        [ -n "$why" ] || echo "$step it does not say why"
    done <"$work/lessons"
    cut -f 1-3 "$work/lessons" | sort | uniq -d |
        sed 's/^/tools\/lessons.tsv: more than once: /'
}

check_steps() { tools/steps --check; }

# Prints how many lines the step to this rung may add, its title among them.
budget_of() {
    case $1 in
        v2_threads) echo 80 ;;
        v3_event) echo 10 ;;
        v4_broadcast) echo 35 ;;
        v5_locks) echo 45 ;;
        v6_errors) echo 90 ;;
        v7_queue) echo 175 ;;
        v8_lines) echo 60 ;;
        v9_poll) echo 160 ;;
        v10_pubsub) echo 390 ;;
        v11_log) echo 350 ;;
    esac
}

# Leaves a summary in $work/note, which is shown behind the check's own line.
check_budget() {
    local from to added removed most
    pairs | grep ' v[0-9]' >"$work/steps"
    while read -r from to; do
        diff "$from/server.c" "$to/server.c" >"$work/diff"
        added=$(grep -c '^>' "$work/diff")
        removed=$(grep -c '^<' "$work/diff")
        most=$(budget_of "$to")
        printf '%s +%d -%d  ' "${to%%_*}" "$added" "$removed" >>"$work/note"
        if [ "$added" -gt "${most:-$added}" ]; then
            echo "$from to $to adds $added lines, and may add $most"
            echo "(it removes $removed)"
        fi
    done <"$work/steps"
}
