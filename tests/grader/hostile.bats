#!/usr/bin/env bats
# hostile: programs that attack the test that they are in. Each is submitted as
# a v1_echo; beside it stands its verdict, and nothing of it may be left.

load outside.bash

row='every message is answered, one after another'

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    submission=$work/submission
    mkdir -p "$submission/v1_echo" "$work/tmp"
    outside_of_bats
}

# Grades the program, for this one row.
submit() {
    cp tests/hostile/echo.h "tests/hostile/$1.c" "$submission/v1_echo/"
    run tests/run --dir "$submission" --stage v1_echo --test "$row" \
        --keep "$work/kept" 3>&-
    printf '%s\n' "$output"
}

# The verdict of the row: passed, failed or error, and its class.
verdict_is() {
    local seen
    seen=$(cut -f 4,5 "$work/kept/verdicts" | tr '\t' ' ')
    # shellcheck disable=SC2254 # The words are patterns.
    case $seen in $1) ;; *) echo "verdict: $seen, not $1"; return 1 ;; esac
}

# No process runs the program any more.
nothing_is_left() {
    local exe
    [ -d /proc/self ] || skip "nothing here (no /proc) tells what runs"
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
            "$PWD/build/dir/$(cd "$submission" && pwd | cksum | tr ' ' _)"/*v1_echo*)
                echo "left: $exe"
                return 1 ;;
        esac
    done
}

# Neither in its own folder nor in the place for temporary files.
disk_is_as_before() {
    local size
    size=$(du -sk "$work/kept" | cut -f 1)
    [ "$size" -lt 20000 ] || { echo "$size KiB are left"; return 1; }
}

@test "one that echoes is passed: descriptors, environment and root are not its" {
    [ "$(uname)" = Linux ] || [ "$(id -u)" -ne 0 ] ||
        skip "here root runs programs as root"
    submit looks_around
    verdict_is 'passed *'
    nothing_is_left
}

@test "a daemon in a session of its own is failed, and ended" {
    submit daemon
    verdict_is 'failed start'
    nothing_is_left
}

@test "one that ignores all signals, with a child, is judged, and ended" {
    submit immortal
    verdict_is 'passed *'
    nothing_is_left
}

@test "one that prints 'ok', and writes records, is never passed" {
    submit forger
    verdict_is '[fe]*' # error: it got as far as the peer's answers
}

@test "one that logs without end is failed, at once, and fills no disk" {
    submit endless_log
    verdict_is 'failed flood'
    nothing_is_left
    disk_is_as_before
}

@test "one that answers without end is failed, and fills no memory" {
    submit endless_answer
    verdict_is 'failed flood'
    nothing_is_left
    disk_is_as_before
}

@test "one that fills a file is failed, and the file is gone" {
    submit endless_file
    verdict_is 'failed signal25'
    nothing_is_left
    disk_is_as_before
    [ ! -e endless ]
}

@test "a fork bomb is failed, and ended to the last copy" {
    submit fork_bomb
    verdict_is 'failed forks'
    nothing_is_left
}

@test "one that takes all memory is failed, and ended" {
    [ -d /proc/self ] || skip "nothing here (no /proc) tells its size"
    submit memory_hog
    verdict_is 'failed memory'
    nothing_is_left
}

@test "one that kills its process group hits only itself" {
    submit kills_group
    verdict_is 'failed signal9'
    nothing_is_left
}

@test "one that kills its parent is never passed" {
    submit kills_parent
    verdict_is '[fe]*'
    nothing_is_left
}

@test "one that never starts is told so once, whatever is asked of it" {
    cp tests/hostile/never_ready.c "$submission/v1_echo/"
    KIT_DEADLINE=3 run tests/run --dir "$submission" --stage v1_echo 3>&-
    printf '%s\n' "$output"
    [ "$(printf '%s\n' "$output" | grep -c 'how: *start')" -eq 1 ]
    [ "$(printf '%s\n' "$output" | grep -c 'how:')" -eq 1 ]
    nothing_is_left
}

@test "one that dies when it is ready is failed in every row, never ungraded" {
    cp tests/hostile/echo.h tests/hostile/ends_when_ready.c "$submission/v1_echo/"
    run tests/run --dir "$submission" --stage v1_echo --keep "$work/kept" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    ! cut -f 4 "$work/kept/verdicts" | grep -x error || false
    nothing_is_left
}

@test "a source that never ends does not compile" {
    [ "$(uname)" = Linux ] || skip "only Linux bounds a compiler's memory"
    submit no_end_of_source
    verdict_is 'failed build'
}
