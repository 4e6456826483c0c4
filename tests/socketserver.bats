#!/usr/bin/env bats
# socketserver: the framework by its promises (tests/framework/framework.c has
# the same titles), and the three programs that stand on it.

load language.bash

eval "kit_$(declare -f teardown)"

teardown() {
    [ -z "${SERVE:-}" ] || kill -KILL "$SERVE" 2>/dev/null || :
    kit_teardown
}

# The framework keeps the promise of the test's title: no error, no leak, no
# race. What cannot be tried here is skipped only if nothing can.
holds() {
    local how
    plays asan
    how=$(cat "$KIT_TOOLS/tsan.probe" 2>/dev/null || echo no)
    case $how in
        yes) plays tsan ;;
        no-randomize) plays tsan setarch "$(uname -m)" -R ;;
    esac
}

# plays asan|tsan [COMMAND...]
plays() {
    local built=$1 leaks=0
    shift
    [ "$(cat "$KIT_TOOLS/leak.probe" 2>/dev/null)" != yes ] || leaks=1
    told "framework, with $built"
    cd "$CASE" || return
    ASAN_OPTIONS=detect_leaks=$leaks TSAN_OPTIONS=report_signal_unsafe=0 \
        "$@" "$KIT_BUILD/$built/framework" "$BATS_TEST_DESCRIPTION" \
        >"$CASE/said" 2>&1 3>&- 8>&- 9<&- && return
    because bytes "$(head -n 40 "$CASE/said")"
}

# --- the framework ---

@test "each of the twelve servers echoes" {
    holds
}

@test "a plain server serves one at a time" {
    holds
}

@test "a threading server serves several at once" {
    holds
}

@test "a forking server serves several at once" {
    holds
}

@test "shutdown ends the loop while requests run" {
    holds
}

@test "shutdown waits until the loop has ended" {
    holds
}

@test "shutdown may come at any time" {
    holds
}

@test "the loop may shut itself down, and serve again" {
    holds
}

@test "a server may be closed at once, and twice" {
    holds
}

@test "handle_timeout runs when nobody comes" {
    holds
}

@test "signals do not shorten the timeout" {
    holds
}

@test "a signal wakes service_actions" {
    holds
}

@test "signals do not shorten what is written" {
    holds
}

@test "verify_request can turn a request away" {
    holds
}

@test "an error goes to handle_error, after finish" {
    holds
}

@test "a failing handler costs one request" {
    holds
}

@test "a setup that fails ends its request" {
    holds
}

@test "a handler has its own state, all zeros" {
    holds
}

@test "a client that is gone again is not waited for" {
    holds
}

@test "service_actions runs every poll interval" {
    holds
}

@test "server_close waits for requests under way" {
    holds
}

@test "server_close does not wait if told so" {
    holds
}

@test "threads that have ended are not kept" {
    holds
}

@test "children are reaped, but not the program's own" {
    holds
}

@test "a timeout reaps children, too" {
    holds
}

@test "there are at most max_children children" {
    holds
}

@test "shutdown ends the loop at max_children, too" {
    holds
}

@test "a thread shares memory, a child does not" {
    holds
}

@test "a thread or child that cannot be made costs one request" {
    holds
}

@test "out of memory, a newcomer waits" {
    holds
}

@test "one descriptor too few costs one request" {
    holds
}

@test "out of descriptors, newcomers wait" {
    holds
}

@test "a server that cannot be made leaves nothing open" {
    holds
}

@test "a reset costs one request" {
    holds
}

@test "a dead socket's path is reused, if told so" {
    holds
}

@test "a live server keeps its path" {
    holds
}

@test "a path that is no socket is kept" {
    holds
}

@test "a path that another has now is kept" {
    holds
}

@test "a datagram larger than the buffer is reported" {
    holds
}

@test "a packet is read as a file, to its end" {
    holds
}

@test "a packet without a sender costs one request" {
    holds
}

@test "words that are not an address are refused" {
    holds
}

# --- echo and chat, played as the rungs are ---

# program NAME: the one that the server is to be
program() {
    export PEER_SERVER=$KIT_BUILD/asan/$1
    reopen_stage
}

@test "echo puts a line between hashes" {
    program echo
    the server starts
    alice joins
    alice says 'hello\n'
    alice hears exactly '### hello ###\n'
    alice says slowly 'byte by byte\n'
    alice hears exactly '### byte by byte ###\n'
    alice says '\xe4\xbd\xa0 \xc4\xe3 \0\xff\r\n'
    alice hears exactly '### \xe4\xbd\xa0 \xc4\xe3 \0\xff ###\n'
}

@test "echo serves several at once, and none of them hears the others" {
    program echo
    the server starts
    alice joins
    bob joins
    bob says 'two\n'
    bob hears exactly '### two ###\n'
    alice says 'one\n'
    alice hears exactly '### one ###\n'
    crowd of 200 joins
}

@test "echo lets a client that says quit go" {
    program echo
    the server starts
    alice joins
    alice says 'quit\n'
    alice is let go
    bob joins
    bob says 'quit'
    bob half closes
    bob is let go
    the server logs ' left'
}

@test "echo answers a last line without a newline" {
    program echo
    the server starts
    alice joins
    alice says 'the end'
    alice half closes
    alice hears exactly '### the end ###\n'
    alice sees the end
}

@test "echo lives on when clients leave and crash" {
    program echo
    the server starts
    alice joins
    bob joins
    alice leaves
    bob crashes
    carol joins
    carol says 'hi\n'
    carol hears exactly '### hi ###\n'
}

@test "quit ends echo, with idle clients or without" {
    program echo
    the server starts
    alice joins
    console says who
    console shows '3\n'
    console says quit
    the server ends with 0
    alice is let go
    the server logs stopping
}

@test "echo goes on when the console's input ends" {
    program echo
    the server starts
    console input ends
    alice joins
    alice says 'still there?\n'
    alice hears exactly '### still there? ###\n'
}

# refuses STATUS WORD ARGUMENT...: the status, and the word on stderr
refuses() {
    local status=0 wanted=$1 word=$2
    shift 2
    told "$*"
    "$KIT_BUILD/asan/$1" "${@:2}" >/dev/null 2>"$CASE/said" \
        </dev/null 3>&- || status=$?
    if [ "$status" != "$wanted" ] || ! grep -q -e "$word" "$CASE/said" ||
        [ "$(wc -l <"$CASE/said")" -gt 3 ]; then
        because bytes "expected: status $wanted, and \"$word\"" \
            "seen:     status $status, $(<"$CASE/said")"
    fi
}

@test "an address that makes no sense is an error that names it" {
    for p in echo chat 'serve udp threading' 'serve tcp plain'; do
        # shellcheck disable=SC2086 # A program and its first words.
        refuses 1 99999 $p 99999
        # shellcheck disable=SC2086
        refuses 1 'a\.\.b:80' $p a..b 80
    done
    refuses 1 no/such/folder serve unix plain no/such/folder/s
    refuses 1 ': ' serve unixgram plain ''
}

@test "an address in use is an error that names it" {
    program echo
    the server starts
    refuses 1 "localhost:$PORT" echo "$PORT"
    refuses 1 "localhost:$PORT" chat "$PORT"
    refuses 1 "localhost:$PORT" serve tcp forking "$PORT"
}

@test "words that make no sense are answered with the usage, and status 2" {
    for p in echo chat; do
        refuses 2 usage $p 1 2 3
        refuses 2 usage $p -x
    done
    refuses 2 usage serve
    refuses 2 usage serve tcp
    refuses 2 usage serve sctp plain
    refuses 2 usage serve tcp sleeping
    refuses 2 usage serve tcp plain 1 2 3
    refuses 2 usage serve unix plain 1 2
    refuses 2 usage serve tcp plain -x
}

@test "each program's -h prints the usage, and that is no error" {
    for p in echo chat serve; do
        told "$p -h"
        "$KIT_BUILD/asan/$p" -h >"$CASE/said" 3>&-
        grep -q usage "$CASE/said"
    done
}

# --- serve, over all that there is ---

# serve_starts KIND HOW [PATH]: WHERE is what a caller is to be told
serve_starts() {
    local place=${3:-0}
    case $1 in
        unix*) place=${3:-sock} ;;
    esac
    told "serve $1 $2 $place"
    [ -p "$CASE/console" ] || mkfifo "$CASE/console" "$CASE/served"
    cd "$CASE" || return
    "$KIT_BUILD/asan/serve" "$1" "$2" "$place" \
        <"$CASE/console" >/dev/null 2>"$CASE/served" 3>&- 8>&- 9<&- &
    SERVE=$!
    exec 7>"$CASE/console" 6<"$CASE/served"
    serve_says 'listening on'
    WHERE=${LINE##* }
    case $1 in
        tcp | udp) WHERE="${WHERE%:*} ${WHERE##*:}" ;;
    esac
}

# Reads its log on, up to a line that holds the words: LINE.
serve_says() {
    while IFS= read -r -t "$KIT_DEADLINE" LINE <&6; do
        case $LINE in
            *"$1"*) return 0 ;;
        esac
    done
    because timeout "expected: \"$1\" in the log of serve"
}

serve_ends() {
    local status=0
    echo quit >&7
    wait "$SERVE" || status=$?
    SERVE=
    exec 7>&- 6<&-
    [ "$status" = 0 ] ||
        because "exit$status" "expected: it ends with status 0"
}

# calls KIND TEXT PATTERN: what is said, and what each line of the answer is
calls() {
    told "caller says $2"
    # shellcheck disable=SC2086 # A host and a port.
    if ! printf '%b' "$2" | "$KIT_TOOLS/caller" "$1" $WHERE >"$CASE/said" \
        2>&1 3>&- || [ ! -s "$CASE/said" ] || grep -qv "$3" "$CASE/said"; then
        because bytes "expected: $3" "seen:     $(<"$CASE/said")"
    fi
}

@test "serve answers over each of the twelve" {
    for kind in tcp udp unix unixgram; do
        for how in plain threading forking; do
            serve_starts $kind $how
            for _ in 1 2 3; do
                calls $kind 'hello world\n' '\] hello world$'
            done
            serve_ends
        done
    done
}

@test "a stream may say many lines" {
    for kind in tcp unix; do
        serve_starts $kind threading
        calls $kind 'one\ntwo\nthree\n' '^\[[0-9]* #[123]\] [ot]'
        [ "$(wc -l <"$CASE/said")" -eq 3 ] ||
            because bytes "expected: three lines" "seen:     $(<"$CASE/said")"
        serve_ends
    done
}

@test "a threading server counts on, a forking one starts over" {
    serve_starts tcp threading
    calls tcp 'a\n' "^\[$SERVE #1\]"
    calls tcp 'b\n' "^\[$SERVE #2\]"
    serve_ends
    serve_starts tcp forking
    calls tcp 'a\n' '#1\]'
    calls tcp 'b\n' '#1\]'
    ! grep -q "\[$SERVE " "$CASE/said" ||
        because bytes "expected: a child's answer" "seen:     $(<"$CASE/said")"
    serve_ends
}

@test "serve removes its path, and replaces one that a killed server left" {
    for kind in unix unixgram; do
        serve_starts $kind plain
        kill -KILL "$SERVE"
        wait "$SERVE" || :
        [ -S "$CASE/sock" ] || because bytes "expected: the path is left"
        serve_starts $kind plain
        refuses 1 "sock: Address .*in use" serve $kind plain sock
        calls $kind 'still there\n' 'still there'
        serve_ends
        [ ! -e "$CASE/sock" ] || because leak "expected: no path is left"
    done
}

@test "serve reports a datagram that was cut" {
    serve_starts unixgram plain
    (head -c 9000 /dev/zero | tr '\0' x; echo) |
        "$KIT_TOOLS/caller" unixgram "$WHERE" >"$CASE/said" 3>&-
    serve_says 'more than we take'
    [ "$(tr -dc x <"$CASE/said" | wc -c)" -eq 8192 ] ||
        because bytes "expected: 8192 bytes" "seen:     $(wc -c <"$CASE/said")"
    serve_ends
}

@test "quit waits for the conversations under way" {
    for how in threading forking; do
        serve_starts tcp $how
        exec 5<>"/dev/tcp/${WHERE/ //}"
        echo one >&5
        read -r -t "$KIT_DEADLINE" LINE <&5
        echo quit >&7
        serve_says stopping
        echo two >&5
        read -r -t "$KIT_DEADLINE" LINE <&5
        [ "${LINE##* }" = two ] || because bytes "seen: $LINE"
        exec 5>&-
        wait "$SERVE"
        SERVE=
    done
}

@test "a forking serve leaves no zombie, even if nobody comes any more" {
    [ -d /proc/self ] || skip "nothing here (no /proc) tells of zombies"
    serve_starts tcp forking
    calls tcp 'a\n' '#1\]'
    local end=$((SECONDS + KIT_DEADLINE))
    while grep -qs "^PPid:[[:space:]]*$SERVE\$" /proc/[0-9]*/status; do
        [ "$SECONDS" -lt "$end" ] ||
            because leak "expected: no child is left, nor a zombie"
        sleep 0.1
    done
    serve_ends
}

# What CPython's Lib/test/test_socketserver.py asks, and which title answers it:
#
#   test_TCPServer ... test_ForkingUnixDatagramServer, and the active_children
#   that each leaves           each of the twelve servers echoes (and peers.bats)
#   simple_subprocess          children are reaped, but not the program's own
#   test_shutdown              shutdown may come at any time
#   test_close_immediately, test_context_manager
#                              a server may be closed at once, and twice
#   test_tcpserver_bind_leak   a server that cannot be made leaves nothing open
#   test_sync_handled, test_threading_handled, test_forking_handled
#                              an error goes to handle_error, after finish
#   test_write                 signals do not shorten what is written
#   test_shutdown_request_called_if_verify_request_false
#                              verify_request can turn a request away
#   test_threads_reaped        threads that have ended are not kept
#
# Not asked here: test_*_not_handled (C has no exception that is not an error:
# exit() in a handler ends the process), test_basics (wfile is a dup: it has a
# number of its own) and the half of test_write that says that nothing needs a
# flush (stdio does); test_all (C has no __all__).
