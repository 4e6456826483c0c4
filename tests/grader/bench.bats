#!/usr/bin/env bats
# bench: the load generator over several servers, and the estimate made from it.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    export TMPDIR=$BATS_TEST_TMPDIR
    pids=''
}

teardown() {
    # shellcheck disable=SC2086 # Each word is a pid.
    [ -z "$pids" ] || kill $pids
}

# can_play RUNG: with what is installed here.
can_play() {
    . tests/sandbox/needs.bash
    ! missing_of "$1" || skip "not installed here"
}

# begins RUNG: bench/run --cluster measures two servers and their broker, once.
# Whatever it starts holds the pipe open as long as it lives.
begins() {
    mkfifo "$TMPDIR/alive"
    ROUNDS=1 SECONDS_EACH=$2 TRIES=1 SERVERS=2 SCENARIOS=one ONLY=$1-x2 \
        bench/run --cluster >"$TMPDIR/out" 2>&1 3>&- 9>"$TMPDIR/alive" &
    run=$!
    exec 8<"$TMPDIR/alive"
}

# It has come to its end by itself, and prints a line of figures, the last of
# which is the broker's.
measures() {
    begins "$1" 0.3
    wait "$run"
    output=$(cat "$TMPDIR/out")
    echo "$output"
    prints "^$1-x2 +[1-9][0-9]* .* [0-9]+\.[0-9]{3}\$"
}

# Ten seconds end a hang.
nothing_of_it_runs() {
    cat <&8 3>&- &
    pids="$pids $!"
    for _ in $(seq 100); do
        kill -0 "${pids##* }" 2>/dev/null || { pids=''; return 0; }
        sleep 0.1
    done
    echo 'something holds the pipe'
    return 1
}

# What load would have measured of servers that cost 0.05, 2, 3, 1 and 0.5 us.
figures() {
    printf 'server\tscenario\tcpu_us_per_delivery\tbroker_cpu_us_per_delivery\n'
    printf 'v10_pubsub-x%s\t%s\t%s\t%s\n' 1 ten64 0.55 0.15 4 ten64 1.15 0.3 \
        1 many 0.1 0.015 4 many 0.16 0.03
}

# limits NAME: what these costs mean for a room of 10000, with cards of 10 Gbit/s.
has_its_limits() {
    prints "^$1 +(-|64) +1 +1980 +1225 +666667 +12254902 +12.3 +a server's card$"
    prints "^$1 +(-|64) +100 +142248 +122549 +19608 +122549 +196.1 +the broker$"
}

@test "estimate finds the costs that the figures come from, and the limits" {
    figures >"$TMPDIR/figures"
    run bench/estimate "$TMPDIR/figures"
    [ "$status" -eq 0 ]
    prints '^v10_pubsub +64 +0.050 +2.00 +3.00 +1.00 +0.50 +16.0, was 16.0$'
    has_its_limits v10_pubsub
    prints '64 under way: with more than 33 machines the core of the broker'
    run bench/estimate -c '0.05 2 3 1 0.5'
    has_its_limits yours
    run bench/estimate -c '0.05 2 3 1 0.5' -g 1 -m 100 -n 100000
    prints " 100 +19220 +1225 +19608 +12255 +122.5 +a server's card$"
}

@test "estimate says what it cannot take" {
    run bench/estimate -c '1 2 3 4'
    [ "$status" -eq 2 ]
    prints 'five costs'
    run bench/estimate -m '3 x'
    [ "$status" -eq 2 ]
    prints "'x' is no such number"
    head -n 3 <(figures) >"$TMPDIR/figures"
    run bench/estimate "$TMPDIR/figures"
    [ "$status" -eq 0 ]
    prints 'were not measured'
}

@test "two servers with redis have one room, and nothing stays behind" {
    can_play v10_pubsub
    cp bench/cluster.tsv "$TMPDIR/before"
    measures v10_pubsub
    nothing_of_it_runs
    cmp bench/cluster.tsv "$TMPDIR/before"
}

@test "two servers with the small Kafka have one room, and nothing stays behind" {
    can_play v11_log
    measures v11_log
    nothing_of_it_runs
}

@test "a run of several servers that is ended leaves nothing behind" {
    can_play v10_pubsub
    begins v10_pubsub 2
    until [ -e "$(echo "$TMPDIR"/bench.*/out)" ]; do # load is about to print
        kill -0 "$run" # or it has failed
    done
    kill "$run"
    wait "$run" || true # ended by a signal
    nothing_of_it_runs
}

# starts NAME: a v9 with no broker, so a room for itself. Sets port, and pids.
starts() {
    local log=$TMPDIR/$1
    : >"$log"
    build/bench/load -e v9_poll/server 0 </dev/null >/dev/null 2>>"$log" 3>&- &
    pids="$pids $!"
    until port=$(grep -o '[0-9]*$' "$log" | head -n 1) && [ -n "$port" ]; do
        kill -0 "${pids##* }"
    done
}

@test "a line that only one of two servers says ends the run" {
    make -s -C bench && make -s v9_poll
    starts east
    set -- -p "$port" -P "${pids##* }"
    starts west
    set -- "$@" -p "$port" -P "${pids##* }"
    run build/bench/load -x lines -n 4 -s 2 "$@"
    echo "$output"
    [ "$status" -eq 1 ]
    prints 'fault.the first line is not heard by all'
}
