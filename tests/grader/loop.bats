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
    ! grep 'run your own' "$dir/v3_event/TASK.md" || false
    make -s -C "$dir/v3_event"
    [ -x "$dir/v3_event/server" ]
    grep -q "clean && make -C .*v3_event CFLAGS='-g -fsanitize=thread'" \
        "$dir/v3_event/TASK.md"
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

@test "start of an unknown rung names those that there are" {
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
    . tests/sandbox/needs.bash
    for s in $(exercises); do
        tools/start "$s" "$dir" >/dev/null
        missing_of "$s" >/dev/null || make -s -C "$dir/$(folder_of "$s")"
        [ -s "$dir/$(folder_of "$s")/TASK.md" ]
    done
}

# --- test ---

@test "the task names the man pages of what the exercise adds" {
    tools/start v1_echo "$dir" >/dev/null
    tr '\n' ' ' <"$dir/v1_echo/TASK.md" | tr -s ' ' >"$BATS_TEST_TMPDIR/task"
    grep -q 'man pages: socket(2), setsockopt(2), socket(7) (SO_REUSEADDR), bind(2), listen(2), getsockname(2), accept(2), recv(2), send(2), close(2), getaddrinfo(3), inet_ntop(3), ip(7) - ' \
        "$BATS_TEST_TMPDIR/task"
}

@test "v1 begins with the arguments done, and without a socket" {
    type_make start STAGE=v1_echo DIR="$dir"
    [ "$status" -eq 0 ]
    prints 'without its sockets'
    run cc -std=gnu11 -Wall -Wextra -Wpedantic -Werror \
        -o "$BATS_TEST_TMPDIR/v1" "$dir/v1_echo/server.c"
    [ "$output" = '' ]
    ! grep -E '(socket|bind|listen|recv|send)\([^)]' "$dir/v1_echo/server.c" ||
        false
    # What is asked of the log stands where it is to be written.
    grep -q '"IP:PORT joined" first, and "IP:PORT left" last' \
        "$dir/v1_echo/server.c"
    grep -q 'IP:PORT joined. first and .IP:PORT left. last' "$dir/v1_echo/TASK.md"
    run "$BATS_TEST_TMPDIR/v1" -h
    [ "$status" -eq 0 ]
    run "$BATS_TEST_TMPDIR/v1" 99999
    [ "$status" -eq 1 ]
    prints 'localhost:99999: a port is a number'
    run "$BATS_TEST_TMPDIR/v1" 0
    [ "$status" -eq 1 ]
    prints 'still to be written: listen_on'
}

@test "a rung that is not started says so, and scores nothing" {
    mkdir -p "$dir"
    type_make test DIR="$dir" STAGE=v3_event TEST="$row"
    [ "$status" -ne 0 ]
    prints 'v3_event +[.]+ +0 of +1 points +not started: make start STAGE=v3_event'
    prints "holds: nothing$"
    prints '^0 passed, 0 failed$'
    mkdir "$dir/v2_threads" "$dir/a folder"
    type_make test DIR="$dir" STAGE=v3_event TEST="$row"
    prints 'holds: a folder v2_threads$'
    mkdir "$dir/socketserver"
    echo 'int main(void) { return 0; }' >"$dir/socketserver/room.c"
    type_make test DIR="$dir" STAGE=chat TEST="$row"
    prints 'There is no .*/socketserver, or no chat\.c in it; '
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

@test "points for an unknown behaviour, or that are no number, are an error" {
    printf 'no such row\t7\n%s\tmany\n%s\t1\tv9\n' "$row" "$row" \
        >"$BATS_TEST_TMPDIR/points"
    type_make test STAGE=v1_echo TEST="$row" POINTS="$BATS_TEST_TMPDIR/points"
    [ "$status" -ne 0 ]
    prints 'points:1: .*no such row'
    prints 'points:2: .*many'
    prints 'points:3: .*v9'
}

# --- the judge ---

# Plays one row in a copy of the kit whose test is spoilt by a sed script, and
# the language, or the writing of records, by another.
play_spoilt() {
    local copy=$BATS_TEST_TMPDIR/copy file
    mkdir "$copy"
    cp -R Makefile README.md tests tools v1_echo "$copy/"
    sed "$1" tests/v1_echo.bats >"$copy/tests/v1_echo.bats"
    for file in tests/language.bash tests/verdict/record.bash; do
        sed "$2" "$file" >"$copy/$file"
    done
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
    prints 'holds things other than records'
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
    prints '^  2  notes/'
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
    prints "^v1_echo: the answer starts with 'Your msg = '"
    echo 'int main(void) { retrun 0; }' >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo
    type_make hint DIR="$dir"
    prints 'does not compile'
}

@test "hints follow the report, where it asks something else than the row" {
    tools/start v1_echo "$dir" >/dev/null
    row="the answer starts with 'Your msg = '"
    sed '/"joined"/d' v1_echo/server.c >"$dir/v1_echo/server.c"
    KIT_DEADLINE=5 type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^    > alice joins$'
    prints '^  1  Which line of yours writes "IP:PORT joined" to stderr'
    prints_not 'How many bytes go back'
    type_make hint DIR="$dir"
    prints '^  2  notes/v1_echo.md; and accept'
    prints '^     Then, about this behaviour: notes/v1_echo.md; and recv'
    type_make hint DIR="$dir"
    prints '^  3  As soon as accept'
    prints '^     Then, about this behaviour: Write .Your msg = . into'
    # The row's own question, where the report asks that: and the line.
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^    > alice hears '
    prints '^  1  How many bytes go back'
    prints_not 'Then, about'
}

@test "a server that does not start has three hints, and what does not compile" {
    tools/start v1_echo "$dir" >/dev/null
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^v1_echo does not start$'
    prints '^  1  Start it by hand, on port 0'
    prints_not '^  2 '
    type_make hint DIR="$dir"
    prints '^  2  The order: getaddrinfo.*, socket.*, setsockopt.SO_REUSEADDR'
    prints_not '^  3 '
    type_make hint DIR="$dir"
    prints '^  3  getaddrinfo\(host, port, &hints, &ai\)'
    echo 'int main(void) { retrun 0; }' >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^v1_echo does not compile$'
    prints '^  1  Only the first error counts'
    type_make hint DIR="$dir"
    prints '^  2  "implicit declaration"'
    type_make hint DIR="$dir"
    prints '^  3  Go back to what last compiled'
}

@test "a known flaw, and what is not asked of a rung, are said to be that" {
    local flaw='a second client is served while the first stays'
    tools/start v1_echo "$dir" >/dev/null
    type_make hint DIR="$dir" TEST="$flaw"
    [ "$status" -ne 0 ]
    prints 'that is a known flaw of v1_echo: it is not graded, and has no hint here'
    type_make hint DIR="$dir" TEST='quit is acknowledged'
    [ "$status" -ne 0 ]
    prints 'that is not asked of v1_echo$'
    type_make test DIR="$dir" STAGE=v1_echo TEST="$flaw"
    [ "$status" -ne 0 ]
    prints 'that is a known flaw of v1_echo: it is not graded'
    type_make test DIR="$dir" STAGE=v1_echo TEST='quit is acknowledged'
    [ "$status" -ne 0 ]
    prints 'that is not asked of v1_echo$'
    # Of two rungs that are begun, one asks for it.
    mkdir "$dir/v2_threads"
    type_make hint DIR="$dir" TEST="$flaw"
    [ "$status" -eq 0 ]
    prints '^  1 '
}

@test "a hint begins again after a pass, or when it fails in another way" {
    tools/start v1_echo "$dir" >/dev/null
    row="the answer starts with 'Your msg = '"
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    type_make hint DIR="$dir"
    prints '^hint 2 of 3'
    cp v1_echo/server.c "$dir/v1_echo/"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    make_wrong_echo
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^hint 1 of 3'
    sed 's/^    return head + n;/    abort();/' v1_echo/server.c \
        >"$dir/v1_echo/server.c"
    type_make test DIR="$dir" STAGE=v1_echo TEST="$row"
    type_make hint DIR="$dir"
    prints '^hint 1 of 3'
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
    prints 'v1_echo +begun, not graded: make test'
    prints 'v2_threads +not started: make start STAGE=v2_threads'
    cp v1_echo/server.c "$dir/v1_echo/"
    type_make test DIR="$dir" STAGE=v1_echo
    type_make status DIR="$dir"
    prints "v1_echo +#{10} +$points of +$points +done"
    ! printf '%s\n' "$output" | grep '#' | grep '.\{81\}' || false
    prints_not 'changed'
    echo '/* more */' >>"$dir/v1_echo/server.c"
    type_make status DIR="$dir"
    prints 'v1_echo .* changed'
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
    grep -qF "+ the answer starts with 'Your msg = '" "$BATS_TEST_TMPDIR/watch"
    grep -q 'Every graded row passes' "$BATS_TEST_TMPDIR/watch"
    ! grep -F '+ nc can' "$BATS_TEST_TMPDIR/watch" || false
}

# play_as WAY COMMAND...: plays a v2 that is handed in as a v3, by that command,
# and leaves the verdicts, with the class of each, in a file of that name.
play_as() {
    local way=$1
    shift
    "$@" tests/run --dir "$dir" --stage v3_event \
        --rows '^(quit is acknow|after quit (the next|a client))' \
        --keep "$BATS_TEST_TMPDIR/$way" \
        >"$BATS_TEST_TMPDIR/$way.page" 2>&1 3>&- || [ "$?" -eq 1 ]
    cut -f 1-5 "$BATS_TEST_TMPDIR/$way/verdicts" | sort >"$BATS_TEST_TMPDIR/$way.tsv"
}

through_a_pipe() { "$@" | cat; }
to_nobody() { "$@" >/dev/null 2>&1; }
on_a_terminal() { script -qec "$(printf '%q ' "$@")" /dev/null; }

@test "a verdict is the same in a pipe, on a terminal, unseen, with more time" {
    mkdir -p "$dir/v3_event"
    cp v2_threads/server.c "$dir/v3_event/"
    play_as pipe through_a_pipe
    grep -q 'passed' "$BATS_TEST_TMPDIR/pipe.tsv"
    grep -q 'failed' "$BATS_TEST_TMPDIR/pipe.tsv"
    play_as unseen to_nobody
    play_as more_time env KIT_DEADLINE=40
    cmp "$BATS_TEST_TMPDIR/pipe.tsv" "$BATS_TEST_TMPDIR/unseen.tsv"
    cmp "$BATS_TEST_TMPDIR/pipe.tsv" "$BATS_TEST_TMPDIR/more_time.tsv"
    script -qec true /dev/null </dev/null >/dev/null 2>&1 ||
        skip "no script(1) of Linux's here; the other three agree"
    play_as terminal on_a_terminal
    cmp "$BATS_TEST_TMPDIR/pipe.tsv" "$BATS_TEST_TMPDIR/terminal.tsv"
}

# --- from nothing ---

@test "the framework alone is built with all that its rows ask for" {
    local copy=$BATS_TEST_TMPDIR/copy
    mkdir "$copy"
    cp -R Makefile README.md tests tools client socketserver "$copy/"
    run make -s -C "$copy" test STAGE=socketserver \
        TEST="each program's -h prints the usage, and that is no error" 3>&-
    printf '%s\n' "$output"
    prints '^1 passed, 0 failed$'
}

# --- two at once ---

# waits_in_line PID: 0 once it waits for a file's lock; 1 if it ends before that.
waits_in_line() {
    while kill -0 "$1" 2>/dev/null; do
        ! grep -q -- "-> POSIX .* $1 " /proc/locks || return 0
        sleep 0.1
    done
    return 1
}

@test "two that build in one folder take turns" {
    [ -r /proc/locks ] || skip "this system does not show who waits for a lock"
    local into=$BATS_TEST_TMPDIR/built slow=$BATS_TEST_TMPDIR/slow first second
    make -s -f tests/sandbox/programs.mk >/dev/null 3>&-
    make_wrong_echo
    mkfifo "$slow"
    # As long as nobody writes into that pipe, the first holds the lock.
    mkdir "$into"
    build/kit/confine --lock "$into/lock" cat "$slow" >"$into/heard" 3>&- &
    first=$!
    until grep -q "POSIX .*WRITE $first " /proc/locks; do
        kill -0 "$first"
        sleep 0.1
    done
    tests/sandbox/build "$dir" "$into" v1_echo 3>&- &
    second=$!
    waits_in_line "$second" || {
        echo over >"$slow"
        echo "the second has not waited for the first"
        return 1
    }
    echo over >"$slow"
    wait "$first"
    wait "$second"
    [ -x "$into/plain/v1_echo" ]
}
