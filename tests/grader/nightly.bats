#!/usr/bin/env bats
# tools/nightly: a course on one machine, with two students who have accounts.

load outside.bash

# The accounts are two that every system has: none is made, none is changed.
setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    [ "$(id -u)" -eq 0 ] || skip "only root can grade what belongs to others"
    for tool in python3 flock runuser; do
        command -v $tool >/dev/null 2>&1 || skip "no $tool here"
    done
    kit=$PWD
    # Others must be able to come to it, as to /srv/course.
    course=$(mktemp -d "${TMPDIR:-/tmp}/course.XXXXXX")
    chmod 711 "$course"
    install -d -m 711 "$course/hand-in"
    for who in bin daemon; do
        install -d -m 700 -o $who "$course/hand-in/$who"
    done
    export KIT_DEADLINE=5
}

teardown() {
    [ -z "${course:-}" ] || rm -rf "$course"
}

nightly() {
    run env PATH=/usr/bin:/bin tools/nightly "$course" v1_echo 3>&-
    printf '%s\n' "$output"
}

# hands_in WHO FILE: as the account does, with its own rights.
hands_in() {
    as "$1" mkdir -p "$course/hand-in/$1/v1_echo"
    as "$1" tee "$course/hand-in/$1/v1_echo/server.c" <"$2" >/dev/null
}

as() {
    (cd / && runuser -u "$1" -- "${@:2}")
}

refused() {
    ! "$@" 2>/dev/null
}

@test "each report is there for its student alone" {
    sed 's/"Your msg = "/"Your message = "/' v1_echo/server.c \
        >"$BATS_TEST_TMPDIR/bad.c"
    hands_in bin v1_echo/server.c
    hands_in daemon "$BATS_TEST_TMPDIR/bad.c"
    nightly
    [ "$status" -eq 0 ]
    prints '^bin +([0-9]+) of \1 points$'
    for kind in txt html; do
        as bin cat "$course/reports/v1_echo/bin.$kind" >/dev/null
        as daemon grep -q 'Your message' "$course/reports/v1_echo/daemon.$kind"
        refused as daemon cat "$course/reports/v1_echo/bin.$kind"
        refused as bin cat "$course/reports/v1_echo/daemon.$kind"
    done
    for what in taken out out/v1_echo/class.html out/v1_echo/grades.csv \
        hand-in hand-in/daemon hand-in/daemon/v1_echo/server.c; do
        echo "$what"
        refused as bin ls -l "$course/$what/"
        refused as bin cat "$course/$what"
    done
    # Nor can a student write what another reads.
    refused as bin touch "$course/reports/v1_echo/daemon.txt"
    refused as bin mkdir "$course/hand-in/daemon2"
}

@test "a link in a hand-in leads nowhere that its student could not go" {
    hands_in daemon v1_echo/server.c
    as bin ln -s ../daemon/v1_echo "$course/hand-in/bin/v1_echo"
    nightly
    [ "$status" -eq 1 ]
    prints '^bin +no verdict'
    as bin ln -sfn "$kit/v1_echo" "$course/hand-in/bin/v1_echo"
    as bin ln -s /etc/shadow "$course/hand-in/bin/server.c"
    nightly
    [ "$status" -eq 1 ]
    lacks -r root: "$course/out/v1_echo/bin"
    lacks -a root: "$course/taken/bin.tar"
    as bin grep -q 'no verdict yet' "$course/reports/v1_echo/bin.txt"
}

@test "what is graded is bounded, and a folder that is nobody's is left out" {
    hands_in bin v1_echo/server.c
    as bin truncate -s 300M "$course/hand-in/bin/core"
    as bin mkfifo "$course/hand-in/bin/fifo"
    install -d -m 755 "$course/hand-in/eve"
    hands_in daemon v1_echo/server.c
    nightly
    [ "$status" -eq 1 ]
    prints 'hand-in/eve is root.s: left out'
    prints '^bin +no verdict: the archive cannot be read'
    prints '^daemon +([0-9]+) of \1 points$'
    [ "$(wc -c <"$course/taken/bin.tar")" -le 67108864 ]
    [ ! -e "$course/reports/v1_echo/eve.txt" ]
}

@test "where others could put things, or it is at work, it does not begin" {
    chmod 1777 "$course/hand-in"
    nightly
    [ "$status" -eq 2 ]
    prints "hand-in: must be root's"
    chmod 711 "$course/hand-in"
    chown bin "$course"
    nightly
    [ "$status" -eq 2 ]
    chown root "$course"
    run flock "$course" tools/nightly "$course" v1_echo 3>&-
    [ "$status" -eq 2 ]
    prints 'is at work'
    run tools/nightly "$course" 3>&-
    [ "$status" -eq 2 ]
    run tools/nightly "$course" v1_ehco 3>&-
    [ "$status" -eq 2 ]
    [ ! -e "$course/reports" ]
}
