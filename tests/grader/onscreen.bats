#!/usr/bin/env bats
# onscreen: make demo and make diff as a class sees them, on a terminal.

load outside.bash
load terminal.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    outside_of_bats
    unset LESS PAGER DEMO_PACE STEP
}

teardown() {
    close_terminal
}

# key: presses one, once the screen says that it waits for one.
key() {
    shows '^\[key\]$'
    outer send-keys x
}

@test "a demo in steps waits for a key between two sentences" {
    terminal 80 40 make -s demo STAGE=v1_echo STEP=1
    key
    shows '^  the server starts$' '^\[key\]$'
    # It has said no more than that, and does so only now.
    on_screen '^  the server starts$'
    ! on_screen 'alice joins' || return 1
    key
    shows '^  alice joins$' '^\[key\]$'
    ! on_screen 'alice says "hello"' || return 1
    types_until '^over: ' x
    shows '^The code: less v1_echo' '^over: 0$'
    ! on_screen '\[key\]' || return 1
}

@test "a demo in steps without a terminal is refused" {
    # A session of its own has no terminal, whoever starts the tests.
    command -v setsid >/dev/null || skip "setsid is not installed"
    run setsid -w make -s demo STAGE=v1_echo STEP=1 </dev/null 3>&-
    [ "$status" -ne 0 ]
    prints 'demo: STEP=1 takes a terminal'
    run make -s demo STAGE=v1_echo STEP=2 3>&-
    [ "$status" -ne 0 ]
    prints 'demo: STEP is 1, or nothing'
}

@test "no line of a demo scrolls off unread" {
    terminal 80 12 make -s demo STAGE=v1_echo
    shows '^\[key\]$'
    on_screen '^v1_echo answers one client'
    ! on_screen '^The code: ' || return 1
    outer send-keys x
    shows '^It serves one client after another'
    types_until '^over: ' x
    shows '^over: 0$'
}

@test "a demo waits for a key before a title with little room below it" {
    # All of it would fit on the screen.
    terminal 80 20 make -s demo STAGE=v1_echo
    shows '^\[key\]$'
    on_screen 'alice hears: Your msg = hello$'
    ! on_screen '^It serves one client after another' || return 1
    key
    shows '^The code: less v1_echo' '^over: 0$'
}

@test "a log line that is too long goes on in its own column" {
    COLUMNS=100 run make -s demo STAGE=v5_locks 3>&-
    [ "$status" -eq 0 ]
    prints '^  carol joins  .* [|] ..:..:.. 127[.].* joined [(]carol[)]$'
    prints '^  carol crashes  .* [|] ..:..:.. 127[.].* left: Connection reset by$'
    prints '^ {45}[|]   peer [(]carol[)]$'
    ! printf '%s\n' "$output" | grep -E '.{101}' || return 1
}

@test "a demo with a pace of its own needs no key" {
    terminal 80 12 env DEMO_PACE=0 make -s demo STAGE=v1_echo
    shows '^The code: less v1_echo' '^over: 0$'
}

@test "a diff on a terminal is told in hunks, in colours, and stops at each screen" {
    command -v less >/dev/null || skip "less is not installed"
    # NO_COLOR is set for other tests.
    terminal 80 24 env -u NO_COLOR TERM=screen make -s diff STAGE=v5_locks
    shows '^hunk 1 of [0-9]: its title$' '^hunk 2 of [0-9]: struct client$' '^:$'
    ! on_screen 'Still wrong in v5' || return 1
    outer send-keys '/^hunk 3' Enter
    shows '^hunk 3 of [0-9]: lock$'
    outer capture-pane -pe | grep -q "$(printf '\033')"'\[32m+static pthread_mutex_t lock'
    outer send-keys '/^hunk 5' Enter
    shows '^hunk 5 of [0-9]: serve$'
    outer send-keys q
    shows '^over: 0$'
}

@test "a diff in a pipe is a patch" {
    make -s diff STAGE=v5_locks 3>&- >"$work/patch"
    lacks '^hunk' "$work/patch"
    lacks "$(printf '\033')" "$work/patch"
    cp v4_broadcast/server.c "$work/server.c"
    patch -s "$work/server.c" "$work/patch"
    cmp "$work/server.c" v5_locks/server.c
}

@test "PAGER shows a diff, and one that ends early is no failure" {
    terminal 80 24 env PAGER="'head -n 3'" make -s diff STAGE=v7_queue
    shows '  -> v7_queue: ' '^over: 0$'
}
