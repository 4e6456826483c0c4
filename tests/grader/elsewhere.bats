#!/usr/bin/env bats
# elsewhere: what other systems have that this one has not, played here: no
# /proc, a stack without a limit, letters in another order.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
}

# Runs a command where /proc tells nothing of others, as on macOS: bats itself
# needs /dev/fd, which is a link to /proc/self/fd here.
without_proc() {
    unshare -m true 2>/dev/null || skip "unshare -m is forbidden here"
    mkdir -p "$BATS_TEST_TMPDIR/real"
    # shellcheck disable=SC2016 # The inner shell's "$@".
    run unshare -m sh -c 'mount -t proc proc "$0" && mount -t tmpfs none /proc &&
        ln -s "$0/self" /proc/self && exec "$@"' \
        "$BATS_TEST_TMPDIR/real" "$@" 3>&-
    printf '%s\n' "$output"
}

@test "without /proc a rung is graded, and what cannot be told is skipped" {
    # Not those that LeakSanitizer watches: it needs a whole /proc here.
    without_proc tests/run --stage v4_broadcast --rows 'console|quit|hear|message'
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" | grep -q 'no /proc to tell'
    printf '%s\n' "$output" | tail -n 1 | grep -qE '[1-9][0-9]* passed, 0 failed, [1-9][0-9]* skipped'
}

@test "without /proc a demo ends with a word where it cannot go on" {
    for stage in v2_threads v3_event; do
        without_proc make -s demo STAGE=$stage
        [ "$status" -eq 0 ]
        printf '%s\n' "$output" | grep -q 'The rest of the story is not played'
    done
}

@test "without /proc a wait in vain is told without its threads" {
    dir=$BATS_TEST_TMPDIR/work
    mkdir -p "$dir/v1_echo"
    sed 's/^        if (send_all/        if (0 \&\& send_all/' v1_echo/server.c \
        >"$dir/v1_echo/server.c"
    KIT_DEADLINE=3 without_proc tests/run --dir "$dir" --stage v1_echo \
        --rows '^the answer starts'
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep -q 'how:   timeout'
    ! printf '%s\n' "$output" | grep 'what the program was doing' || false
}

# Some shells and containers leave it so, and make 3.81 sets it.
@test "ThreadSanitizer runs although the stack has no limit" {
    [ "$(uname)" = Linux ] || skip "ThreadSanitizer's trouble is Linux's"
    run bash -c 'ulimit -s unlimited || exit 77
        exec tests/run --stage v5_locks --rows "free of data races"' 3>&-
    printf '%s\n' "$output"
    [ "$status" -ne 77 ] || skip "the limit of the stack cannot be raised here"
    [ "$status" -eq 0 ]
}

# in_estonian COMMAND...: z stands before t there, so [a-z] is not all letters, and
# a comma before tenths.
in_estonian() {
    localedef -i et_EE -f UTF-8 "$BATS_TEST_TMPDIR/et_EE.UTF-8" 2>/dev/null ||
        skip "localedef cannot make et_EE.UTF-8 here"
    run env LOCPATH="$BATS_TEST_TMPDIR" LC_ALL=et_EE.UTF-8 "$@" 3>&-
    printf '%s\n' "$output"
}

# Some shells and containers leave the stack without a limit: then no program
# would start that looks for data races.
@test "rows hold where letters are ordered otherwise and the stack has no limit" {
    in_estonian bash -c 'ulimit -s unlimited; exec tests/run --rows "race|quit|answer"'
    [ "$status" -eq 0 ]
}

@test "results are the same where a comma stands before tenths" {
    command -v python3 >/dev/null || skip "no python3 here"
    in_estonian tests/run --stage v1_echo --rows '^the answer' --dir . \
        --results "$BATS_TEST_TMPDIR/records"
    [ "$status" -eq 0 ]
    # The whole is the sum of the rows.
    python3 - "$BATS_TEST_TMPDIR/records" <<'END'
import csv, json, sys
with open(sys.argv[1] + '/records.csv', newline='') as file:
    rows = sum(float(row['seconds']) for row in csv.DictReader(file))
with open(sys.argv[1] + '/results.json') as file:
    whole = json.load(file)['execution_time']
assert rows > 0 and abs(rows - whole) < 0.01, (rows, whole)
END
}

# A gate may be missed: its status is 1 then.
same_in_estonian() {
    local told
    told=$(LC_ALL=C "$@" 3>&-) || [ $? -eq 1 ]
    [ -n "$told" ]
    in_estonian "$@"
    [ "$output" = "$told" ]
}

@test "what the benchmark says is the same where a comma stands before tenths" {
    same_in_estonian bench/gates
    same_in_estonian bench/estimate
    same_in_estonian bench/estimate -c '0.05 2 3 1 0.5'
}

# without FILE COMMAND...: where FILE, a folder or a program, is not.
without() {
    local file=$1
    shift
    [ -e "$file" ] || skip "there is no $file to be hidden"
    unshare -m true 2>/dev/null || skip "unshare -m is forbidden here"
    # shellcheck disable=SC2016 # The inner shell's "$@".
    run unshare -m sh -c 'if [ -d "$0" ]; then mount -t tmpfs none "$0"
        else mount --bind /dev/null "$0"; fi && exec "$@"' "$file" "$@" 3>&-
    printf '%s\n' "$output"
}

# skipped_for WORD...: all of v10_pubsub is, in one line, for want of these.
skipped_for() {
    local line="  skipped: all of v10_pubsub (no $1 here: "
    [ "$status" -eq 0 ]
    [ "$(printf '%s\n' "$output" | grep -c skipped:)" -eq 1 ]
    printf '%s\n' "$output" | grep -qF -e "$line"
    printf '%s\n' "$output" | tail -n 1 |
        grep -qE '^0 passed, 0 failed, [1-9][0-9]* skipped$'
}

@test "a rung whose library is missing is skipped in one line, ours and yours" {
    without /usr/include/hiredis tests/run --stage v10_pubsub
    skipped_for hiredis
    without /usr/include/hiredis tests/run --matrix --stage v10_pubsub
    skipped_for hiredis
    mkdir "$BATS_TEST_TMPDIR/mine"
    cp -R v10_pubsub "$BATS_TEST_TMPDIR/mine"
    without /usr/include/hiredis tests/run --dir "$BATS_TEST_TMPDIR/mine" \
        --stage v10_pubsub
    skipped_for hiredis
}

@test "a rung whose broker is missing is skipped in one line" {
    without "$(command -v redis-server)" tests/run --stage v10_pubsub
    skipped_for redis-server
}

@test "where a library is missing the other rungs are played" {
    without /usr/include/hiredis make -s test TEST='-h prints the usage, and that is no error'
    [ "$status" -eq 0 ]
    printf '%s\n' "$output" | tail -n 1 |
        grep -qE '^[1-9][0-9]* passed, 0 failed, 1 skipped$'
}

@test "the story of a rung whose broker or library is missing is one line" {
    without "$(command -v redis-server)" make -s demo STAGE=v10_pubsub
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    printf '%s\n' "$output" | grep -q 'not played (no redis-server here: .*redis'
    without /usr/include/librdkafka make -s demo STAGE=v11_log
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    printf '%s\n' "$output" | grep -q 'not played (no rdkafka here: .*librdkafka'
}

@test "a room without tmux or nc says how to install it" {
    without "$(command -v tmux)" tools/room v4_broadcast
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    printf '%s\n' "$output" | grep -q '^room: no tmux here: .*install tmux$'
    # Where nc is a link, what is hidden is what it leads to.
    without "$(readlink -f "$(command -v nc)")" tools/room v4_broadcast --with nc
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep -q '^room: no nc here: .*install n'
}

@test "make doctor says what a missing broker or library costs" {
    without "$(command -v redis-server)" make -s doctor
    printf '%s\n' "$output" | grep -q 'missing  *redis-server .*v10_pubsub'
    without /usr/include/librdkafka make -s doctor
    printf '%s\n' "$output" | grep -q 'missing  *rdkafka .*v11_log'
}

@test "make cluster says in one line what it lacks, and passes nothing" {
    without "$(command -v redis-server)" tools/cluster v10_pubsub
    [ "$status" -eq 3 ]
    printf '%s\n' "$output" |
        grep -qE '^cluster: v10_pubsub cannot be played: .*install.* (redis|valkey)'
    [ "$(printf '%s\n' "$output" | wc -l)" -eq 1 ]
    without /usr/include/librdkafka tools/cluster v11_log
    [ "$status" -eq 3 ]
    printf '%s\n' "$output" |
        grep -qE '^cluster: v11_log cannot be played: .*install.* librdkafka'
}
