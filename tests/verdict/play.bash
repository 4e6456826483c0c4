# play.bash: plays the plan, with several bats side by side.
#
# shellcheck disable=SC2154 # The variables are those of tests/run.

# --- one batch: some rows of one rung, in one bats ---

# A batch file holds the rung, the deadline and the names of the bats files, a
# line each, and then a line ROW<tab>TITLE for each row. What bats prints comes
# to BATCH.out.
play_batch() {
    local files file
    { read -r KIT_STAGE; read -r KIT_DEADLINE; read -r files; } <"$1"
    export KIT_STAGE KIT_DEADLINE KIT_BATCH=$1
    set -- bats --tap
    [ "$KIT_NETWORK" != yes ] || set -- build/kit/confine --network "$@"
    mkdir "$KIT_BATCH.tests"
    for file in $files; do
        tests_of_this_batch "$file" >"$KIT_BATCH.tests/${file##*/}"
        set -- "$@" "$KIT_BATCH.tests/${file##*/}"
    done
    "$@" >"$KIT_BATCH.out" 2>&1
    : >"$KIT_RECORDS/live/${KIT_BATCH##*/}" # it lives no more
}

# Prints what a bats file needs for the tests that the batch names. bats reads
# each line of a file several times, and slowly: it gets no others.
tests_of_this_batch() {
    awk '
        FNR == NR { sub(/^[^\t]*\t/, ""); wanted[$0]; next }
        /^load / { print "load \"$KIT_ROOT/tests/" $2 "\""; next }
        /^@test "/ { split($0, part, "\""); skip = !(part[2] in wanted) }
        /^(@test ".*|[a-z_]+\(\)) \{$/ { inside = 1 }
        !skip && (inside || /^[^#]/)
        /^}$/ { inside = skip = 0 }' "$KIT_BATCH" "tests/$1"
}

# --- all of them ---

# Rows of one rung with one deadline share a bats: starting one takes as long as
# a row or two. What takes long begins first, and so few share one that all cores
# have work to the end; before that come the rows that did not hold last time,
# each by itself. A flaw that is a time-out is waited for 4 s only;
# anything else, 20 s, or what the variable KIT_DEADLINE says.
make_batches() {
    mkdir -p "$KIT_BATCHES"
    failed_before >"$work/before"
    awk -F '\t' -v out="$KIT_BATCHES" -v deadline="${KIT_DEADLINE:-20}" \
        -v most="$(rows_a_batch)" \
        -v absent="$(cat "$work/absent" "$work/unbuilt" "$work/lacking" |
            cut -f 1 | tr '\n' ' ')" '
        FILENAME ~ /\/before$/ { before[$1, $2]; next }
        index(" " absent, " " $1 " ") { next }
        {
            first = (($1, $3) in before)
            slow = ($3 ~ /race|storm|descriptor|megabyte|MiB|hundred|thousand|crash/)
            wait = ($4 == "n:timeout" ? 4 : deadline)
            kind = $1 "\t" wait "\t" slow first
            if (first || !(kind in batch) || size[batch[kind]] >= most) {
                batch[kind] = b = ++count
                name[b] = sprintf("%s/%d%05d", out, first ? 0 : slow ? 1 : 2, b)
                head[b] = $1 "\n" wait
            }
            b = batch[kind]
            if (!index(files[b] " ", " " $2 " "))
                files[b] = files[b] " " $2
            rows[b] = rows[b] $6 "\t" $3 "\n"
            size[b] += ($4 == "n:timeout" ? most : slow ? 5 : 1)
        }
        END {
            for (b = 1; b <= count; b++) {
                print head[b] "\n" substr(files[b], 2) >name[b]
                printf "%s", rows[b] >name[b]
                close(name[b])
            }
        }' "$work/before" "$work/plan"
}

# Prints RUNG TITLE of what failed last time, in a folder that make start began.
failed_before() {
    [ -z "$results" ] && [ "$dir" != . ] && can_take_notes "$dir/.kit" &&
        [ -f "$dir/.kit/failing.tsv" ] && cut -f 1-2 "$dir/.kit/failing.tsv"
    return 0
}

rows_a_batch() {
    local n
    n=$(($(wc -l <"$work/plan") / (3 * jobs)))
    [ "$n" -ge 5 ] || n=5
    [ "$n" -le 20 ] || n=20
    echo "$n"
}

play() {
    local rung
    export KIT_BATCHES=$work/batches
    rm -rf "$KIT_BATCHES" "$KIT_RECORDS"
    mkdir -p "$KIT_RECORDS/live"
    while read -r rung; do
        mkdir "$KIT_RECORDS/$rung"
    done <"$work/planned"
    make_batches
    [ -n "$(ls "$KIT_BATCHES")" ] || return 0 # nothing compiles
    (cd "$KIT_BATCHES" && printf '%s\n' *) >"$work/names"
    progress=''
    [ ! -t 2 ] || { show_progress & progress=$!; }
    [ "$mode" != matrix ] || export KIT_IDLE=2000 # ours sleep as they seem to
    # In the foreground: so Ctrl-C reaches all of them.
    xargs -P "$jobs" -n 1 tests/run --batch <"$work/names"
    [ -z "$progress" ] || end_progress
}

# On a terminal, a line that moves: how many have a verdict, and how many fail.
# In the matrix some must.
show_progress() {
    local n=0 fail='' all
    all=$(wc -l <"$work/plan" | tr -d ' ')
    while :; do
        set -- "$KIT_RECORDS"/*/[0-9][0-9][0-9]
        [ -e "$1" ] && n=$#
        [ "$mode" = matrix ] ||
            fail=", $(grep -l '^verdict failed' "$@" 2>/dev/null | wc -l |
                tr -d ' ') fail (each may take up to ${KIT_DEADLINE:-20} s)"
        printf '\r%s%d of %d%s%s' "$dim" "$n" "$all" "${fail/, 0 fail*/}" \
            "$plain" >&2
        sleep 1
    done
}

end_progress() {
    kill "$progress" 2>/dev/null
    wait "$progress" 2>/dev/null
    printf '\r%-40s\r' '' >&2
}

# Interrupted, it ends the tests under way; their peers end what they started.
# shellcheck disable=SC2317 # A trap calls it.
interrupted() {
    local file number
    [ -z "${progress:-}" ] || kill "$progress" 2>/dev/null
    for file in "$KIT_RECORDS"/live/*; do
        read -r number 2>/dev/null <"$file" && kill -KILL "$number" 2>/dev/null
    done
    exit 130
}
