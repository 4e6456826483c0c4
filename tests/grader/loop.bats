#!/usr/bin/env bats
# loop: the student's loop and the instructor's, as they type it: make start,
# test, hint, status, watch; points and records.

load outside.bash

row='every message is answered, one after another'

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    dir=$BATS_TEST_TMPDIR/work
    outside_of_bats
    # How many behaviours are asked of v1_echo, and what they are worth.
    rows=$(awk -F '\t' '$3 == "y" { n++ } END { print n }' tests/matrix.tsv)
    points=$(awk -F '\t' '$3 == "y" { n += $2 } END { print n }' tests/matrix.tsv)
}

# Runs make; what it prints is shown if the test fails.
type_make() {
    run make -s "$@" 3>&-
    printf '%s\n' "$output"
}

prints() {
    printf '%s\n' "$output" | grep -qE -e "$1" || {
        echo "not printed: $1"
        return 1
    }
}

prints_not() {
    ! printf '%s\n' "$output" | grep -E -e "$1" || {
        echo "printed: $1"
        return 1
    }
}

# A v1_echo whose answers begin with another word.
make_wrong_echo() {
    mkdir -p "$dir/v1_echo"
    sed 's/"Your msg = "/"your msg = "/' v1_echo/server.c >"$dir/v1_echo/server.c"
}

# --- start ---

@test "start copies the kit's rung before, and tells the task" {
    type_make start STAGE=v3_event DIR="$dir"
    [ "$status" -eq 0 ]
    cmp v2_threads/server.c "$dir/v3_event/server.c"
    grep -q 'after quit the next connection is not served' "$dir/v3_event/TASK.md"
    ! grep 'nc can talk to it' "$dir/v3_event/TASK.md" || false
    make -s -C "$dir/v3_event"
    [ -x "$dir/v3_event/server" ]
}

@test "start prefers the student's own rung before" {
    mkdir -p "$dir/v2_threads"
    echo '/* mine */' >"$dir/v2_threads/mine.c"
    type_make start STAGE=v3_event DIR="$dir"
    [ "$status" -eq 0 ]
    cmp "$dir/v2_threads/mine.c" "$dir/v3_event/mine.c"
    [ ! -e "$dir/v3_event/server.c" ]
}

@test "start never overwrites, and says how to begin afresh" {
    mkdir -p "$dir/v3_event"
    echo precious >"$dir/v3_event/server.c"
    type_make start STAGE=v3_event DIR="$dir"
    [ "$status" -ne 0 ]
    prints "mv $dir/v3_event "
    [ "$(cat "$dir/v3_event/server.c")" = precious ]
    [ ! -e "$dir/v3_event/TASK.md" ]
}

@test "start of a rung that there is not names those that there are" {
    type_make start STAGE=v9_nothing DIR="$dir"
    [ "$status" -ne 0 ]
    prints 'v3_event'
    type_make start DIR="$dir"
    [ "$status" -ne 0 ]
    prints 'STAGE='
    [ ! -e "$dir" ]
}

@test "every exercise can be started, and what is begun compiles" {
    . tools/ladder.bash
    for s in $(exercises); do
        tools/start "$s" "$dir" >/dev/null
        make -s -C "$dir/$(folder_of "$s")"
        [ -s "$dir/$(folder_of "$s")/TASK.md" ]
    done
}

# --- test ---

@test "a rung that is not started says so, and scores nothing" {
    mkdir -p "$dir"
    type_make test DIR="$dir" STAGE=v3_event TEST="$row"
    [ "$status" -ne 0 ]
    prints 'v3_event +[.]+ +0 of +1 points +not started: make start STAGE=v3_event'
    prints '^0 passed, 0 failed$'
}

@test "a rung that does not compile shows its first error, and nothing else" {
    mkdir -p "$dir/v1_echo"
    printf 'int main(void) { retrun 0; }\nint x = y;\n' >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo
    [ "$status" -ne 0 ]
    prints 'v1_echo does not compile'
    prints 'retrun'
    prints_not "‘y’|'y'"
    prints_not 'how:'
    prints "^0 passed, $rows failed$"
}

@test "warnings are shown, and cost nothing" {
    mkdir -p "$dir/v1_echo"
    { cat v1_echo/server.c; echo 'static int unused;'; } >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    [ "$status" -eq 0 ]
    prints 'v1_echo compiles, with 1 warning'
    prints '^1 passed, 0 failed$'
}

@test "a rung of several .c and .h files is built, without its Makefile" {
    mkdir -p "$dir/v1_echo"
    sed 's/^int main/int begin/' v1_echo/server.c >"$dir/v1_echo/begin.c"
    echo 'int begin(int argc, char *argv[]);' >"$dir/v1_echo/begin.h"
    printf '%s\n' '#include "begin.h"' \
        'int main(int argc, char *argv[]) { return begin(argc, argv); }' \
        >"$dir/v1_echo/main.c"
    echo 'all: ; false' >"$dir/v1_echo/Makefile"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    [ "$status" -eq 0 ]
}

@test "a failure costs its points, and says what to do next" {
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo
    [ "$status" -ne 0 ]
    prints "v1_echo +[#]+[.]+ .* of +$points points"
    prints 'expected: Your msg = '
    prints 'seen: +your msg = '
    prints "hint: .*\\?"
    prints "again: make test DIR=$dir STAGE=v1_echo TEST="
}

@test "an instructor's points count, for all rungs or for one" {
    mkdir -p "$dir/v1_echo"
    cp v1_echo/server.c "$dir/v1_echo/"
    printf '# mine\n%s\t7\n' "$row" >"$BATS_TEST_TMPDIR/points"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row" \
        POINTS="$BATS_TEST_TMPDIR/points"
    prints ' 7 of +7 points'
    printf '%s\t9\tv1_echo\n' "$row" >>"$BATS_TEST_TMPDIR/points"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row" \
        POINTS="$BATS_TEST_TMPDIR/points"
    prints ' 9 of +9 points'
}

@test "points for what there is not, or that are none, are an error" {
    printf 'no such row\t7\n%s\tmany\n%s\t1\tv9\n' "$row" "$row" \
        >"$BATS_TEST_TMPDIR/points"
    type_make test STAGE=v1_echo TEST="$row" POINTS="$BATS_TEST_TMPDIR/points"
    [ "$status" -ne 0 ]
    prints 'points:1: .*no such row'
    prints 'points:2: .*many'
    prints 'points:3: .*v9'
}

# --- the judge ---

# Plays one row in a copy of the kit whose test is spoilt by a sed script.
play_spoilt() {
    local copy=$BATS_TEST_TMPDIR/copy
    mkdir "$copy"
    cp -R Makefile README.md tests tools v1_echo "$copy/"
    sed "$1" tests/v1_echo.bats >"$copy/tests/v1_echo.bats"
    sed "$2" tests/language.bash >"$copy/tests/language.bash"
    run make -s -C "$copy" test STAGE=v1_echo TEST="$row" 3>&-
    printf '%s\n' "$output"
}

@test "a verdict that is missing is a failure" {
    play_spoilt '' "s/^record() {/record() { return 0;/"
    [ "$status" -ne 0 ]
    prints 'how: +missing'
    prints '^0 passed, 1 failed$'
}

@test "a test that bats never comes to is the grader's trouble" {
    play_spoilt '' 's/^setup() {/setup( {/'
    [ "$status" -ne 0 ]
    prints 'how: +missing'
    prints '^0 passed, 0 failed$'
}

@test "two verdicts are an error, the grader's, and no zero" {
    play_spoilt '' 's/^    record "\$verdict" "\$class"$/&; &/'
    [ "$status" -ne 0 ]
    prints 'how: +double'
    prints "v1_echo: $row \(double\)"
    prints '^0 passed, 0 failed$'
}

@test "a record that bats does not confirm is not believed" {
    play_spoilt '' 's/^    \[ "\$verdict" = passed \] || .*/    false/'
    [ "$status" -ne 0 ]
    prints 'how: +unconfirmed'
    prints '^0 passed, 0 failed$'
}

@test "a mistake in a test is the grader's trouble, not a failure" {
    play_spoilt 's/^    alice joins$/    alice flies/' ''
    [ "$status" -ne 0 ]
    prints 'how: +harness'
    prints '^0 passed, 0 failed$'
}

# --- records ---

@test "results are written, with exports whose sums agree" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo RESULTS="$BATS_TEST_TMPDIR/out"
    cd "$BATS_TEST_TMPDIR/out"
    [ "$(wc -l <records.tsv)" -eq $((rows + 1)) ]
    POINTS=$points python3 -c '
import json, os
gradescope, classroom = json.load(open("results.json")), json.load(open("result.json"))
assert gradescope["score"] == sum(t["score"] for t in gradescope["tests"])
assert classroom["score"] == gradescope["score"] < classroom["max-score"] == int(os.environ["POINTS"])
failed = [t for t in gradescope["tests"] if t["status"] == "failed"]
assert failed and all("expected: Your msg" in t["output"] for t in failed), failed
'
}

@test "results never take away what is not theirs" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    mkdir -p "$BATS_TEST_TMPDIR/out/reports"
    echo precious >"$BATS_TEST_TMPDIR/out/records.old"
    type_make test STAGE=v1_echo TEST="$row" RESULTS="$BATS_TEST_TMPDIR/out"
    [ "$status" -ne 0 ]
    prints 'holds other things'
    rm "$BATS_TEST_TMPDIR/out/records.old"
    rmdir "$BATS_TEST_TMPDIR/out/reports"
    type_make test STAGE=v1_echo TEST="$row" RESULTS="$BATS_TEST_TMPDIR/out"
    [ "$status" -eq 0 ]
    echo precious >"$BATS_TEST_TMPDIR/out/records.old"
    echo precious >"$BATS_TEST_TMPDIR/out/reports/essay.txt"
    type_make test STAGE=v1_echo TEST="$row" RESULTS="$BATS_TEST_TMPDIR/out"
    [ "$status" -eq 0 ]
    [ -s "$BATS_TEST_TMPDIR/out/records.old" ]
    [ -s "$BATS_TEST_TMPDIR/out/reports/essay.txt" ]
}

@test "grades has a line a submission, and says which has no final grade" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    out=$BATS_TEST_TMPDIR/out
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row" RESULTS="$out/ann"
    type_make test STAGE=v1_echo TEST="$row" RESULTS="$out/bob"
    mkdir "$out/eve"
    printf 'final\tno\n' >"$out/eve/run.tsv"
    type_make grades RESULTS="$out"
    [ "$status" -ne 0 ]
    prints '^ann,0,1,yes$'
    prints '^bob,1,1,yes$'
    prints '^eve,,,no$'
}

@test "an empty DIR= is an error, and no grade for the kit's own programs" {
    type_make test DIR= STAGE=v1_echo TEST="$row"
    [ "$status" -ne 0 ]
    prints 'DIR= is empty'
    prints_not 'passed'
}

@test "without python3 results are refused before anything is played" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for tool in /usr/bin/* /bin/*; do
        case $tool in
            */python* | */'[') ;;
            *) ln -sf "$tool" "$BATS_TEST_TMPDIR/bin/" ;;
        esac
    done
    PATH=$BATS_TEST_TMPDIR/bin run tests/run --stage v1_echo --test "$row" \
        --results "$BATS_TEST_TMPDIR/out"
    printf '%s\n' "$output"
    [ "$status" -eq 2 ]
    prints 'install python3'
    prints_not 'passed'
}

# --- hint ---

@test "hints come one after another: a question, a place, almost the answer" {
    type_make hint TEST='quit is acknowledged' DIR="$BATS_TEST_TMPDIR/none"
    [ "$status" -eq 0 ]
    mkdir -p "$dir/.kit"
    type_make hint TEST='quit is acknowledged' DIR="$dir"
    prints '^  1 .*'
    prints_not '^  2 '
    type_make hint TEST='quit is acknowledged' DIR="$dir"
    prints '^  2  NOTES.md'
    prints_not '^  3 '
    type_make hint TEST='quit is acknowledged' DIR="$dir"
    prints '^  3 '
    prints 'last hint'
}

@test "without a title the hint is for the first failure" {
    type_make hint DIR="$dir"
    [ "$status" -ne 0 ]
    tools/start v1_echo "$dir" >/dev/null
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo
    type_make hint DIR="$dir"
    [ "$status" -eq 0 ]
    prints "^the answer comes back behind 'Your msg = '"
    echo 'int main(void) { retrun 0; }' >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo
    type_make hint DIR="$dir"
    prints 'does not compile'
}

@test "an unknown title is an error that names those that are like it" {
    type_make hint TEST='acknowledged'
    [ "$status" -ne 0 ]
    prints 'quit is acknowledged'
}

# --- status ---

@test "status remembers what was graded, and sees that it has changed since" {
    type_make status DIR="$dir"
    [ "$status" -ne 0 ]
    prints 'make start'
    tools/start v1_echo "$dir" >/dev/null
    type_make status DIR="$dir"
    prints 'v1_echo +begun, not graded yet'
    prints 'v2_threads +not started: make start STAGE=v2_threads'
    cp v1_echo/server.c "$dir/v1_echo/"
    type_make test DIR="$dir" STAGE=v1_echo
    type_make status DIR="$dir"
    prints "v1_echo +#{20} +$points of +$points points +done"
    prints_not 'changed since'
    echo '/* more */' >>"$dir/v1_echo/server.c"
    type_make status DIR="$dir"
    prints 'v1_echo .* changed since'
}

# --- watch ---

# Waits until the watch has printed the words so many times; at most a minute.
watch_prints() {
    local i
    for ((i = 0; i < 600; i++)); do
        [ "$(grep -cE -e "$1" "$BATS_TEST_TMPDIR/watch")" -lt "$2" ] || return 0
        sleep 0.1
    done
    cat "$BATS_TEST_TMPDIR/watch"
    return 1
}

@test "watch grades at each save, and shows only what has changed" {
    tools/start v1_echo "$dir" >/dev/null
    make_wrong_echo
    tools/watch v1_echo "$dir" >"$BATS_TEST_TMPDIR/watch" 2>&1 3>&- &
    watcher=$!
    watch_prints 'waiting for a change' 1
    grep -q 'expected: Your msg = ' "$BATS_TEST_TMPDIR/watch"
    cp v1_echo/server.c "$dir/v1_echo/server.c"
    watch_prints 'waiting for a change' 2
    kill "$watcher"
    wait "$watcher" || true
    grep -qF "+ the answer comes back behind 'Your msg = '" "$BATS_TEST_TMPDIR/watch"
    grep -q 'All of it holds' "$BATS_TEST_TMPDIR/watch"
    ! grep -F '+ nc can' "$BATS_TEST_TMPDIR/watch" || false
}
