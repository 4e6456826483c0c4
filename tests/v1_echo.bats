#!/usr/bin/env bats
# v1_echo: echoing, and what every server of the ladder must do at its start.

load language.bash

# --- echo ---

@test "the answer starts with 'Your msg = '" {
    the server starts
    alice joins
    alice says hello
    alice hears exactly 'Your msg = hello'
}

@test "every message is answered, one after another" {
    the server starts
    alice joins
    for word in one two three four five; do
        alice says "$word\n"
        alice hears "$word\n"
    done
}

@test "bytes pass unchanged: UTF-8, GBK, NUL and 0xFF" {
    the server starts
    alice joins
    alice says '\xe4\xbd\xa0\xe5\xa5\xbd, \xc4\xe3\xba\xc3, \0\xff %s %n\n'
    alice hears '\xe4\xbd\xa0\xe5\xa5\xbd, \xc4\xe3\xba\xc3, \0\xff %s %n\n'
}

@test "a message of 1024 bytes gets one answer" {
    the server starts
    alice joins
    alice says x 1024 times
    alice hears x from alice 1024 times
}

@test "an answer goes out whole even if send() takes a few bytes at a time" {
    watched short || skip "the linker here cannot send calls to strict.c"
    the server starts
    alice joins
    alice says 'more than just a few bytes\n'
    alice hears 'more than just a few bytes\n'
}

@test "a second client is served while the first stays" {
    the server starts
    alice joins
    alice says 'hi\n'
    alice hears 'hi\n'
    bob knocks
    bob says 'me too\n'
    bob hears 'me too\n'
}

@test "a waiting client is served once the first has left" {
    the server starts
    alice joins
    bob knocks
    bob says 'me too\n'
    alice leaves
    bob hears 'me too\n'
}

@test "a client that leaves does not stop the server" {
    the server starts
    alice joins
    alice says 'hi\n'
    alice hears 'hi\n'
    alice leaves
    bob joins
    bob says 'still there?\n'
    bob hears 'still there?\n'
}

@test "a client that crashes while idle does not stop the server" {
    the server starts
    alice joins
    alice says 'hi\n'
    alice hears 'hi\n'
    alice crashes
    bob joins
    bob says 'still there?\n'
    bob hears 'still there?\n'
}

@test "no descriptor is closed twice" {
    watched closes || skip "the linker here cannot send calls to strict.c"
    the server starts
    alice joins
    alice says 'hi\n'
    alice hears 'hi\n'
    alice leaves
    bob joins
    bob says 'quit\n'
    bob leaves
    carol joins # so bob is history, even where one comes after another
    case $KIT_STAGE in
        v1_echo | makefile_fdopen) ;;
        *)
            carol leaves
            the server rests
            console says quit
            the server logs stopping
            dave knocks or is refused # where quit ends it at once
            dave vanishes
            the server ends with 0 ;;
    esac
    none_is_closed_twice
}

# The server sleeps while alice speaks and goes: her many lines are then
# answered one after another to nobody.
@test "a client that goes without reading its answers does not stop the server" {
    the server starts
    alice joins
    the server freezes
    alice says 'are you there? I have no time for answers, good bye.\n' 1200 times
    alice vanishes
    the server thaws
    bob joins # in a room, he may hear the last of it
    bob says 'still there?\n'
    bob hears at last 'still there?\n'
}

# --- the tools that a class has ---

@test "bash can talk to it through /dev/tcp" {
    the server starts
    { exec 7<>"/dev/tcp/127.0.0.1/$PORT"; } 2>/dev/null ||
        because refused "expected: a connection" "seen:     none"
    told "bash says hello from bash, and reads the answer"
    (printf 'hello from bash\n' >&7) 2>/dev/null || true # it may have died
    line=
    IFS= read -r -t "$KIT_DEADLINE" line <&7 || true
    exec 7>&-
    answered "$line" 'hello from bash'
}

@test "nc can talk to it" {
    needs nc
    the server starts
    tool_talks nc 127.0.0.1 "$PORT"
}

@test "socat can talk to it" {
    needs socat
    the server starts
    tool_talks socat - "TCP:127.0.0.1:$PORT"
}

@test "telnet can talk to it" {
    needs telnet
    the server starts
    tool_talks telnet 127.0.0.1 "$PORT"
}

# tool_talks COMMAND...: types a line at it, and waits for the answer.
tool_talks() {
    local line=
    mkfifo "$CASE/keys" "$CASE/screen"
    "$@" <"$CASE/keys" >"$CASE/screen" 2>&1 3>&- 4>&- 8>&- 9>&- &
    exec 6>"$CASE/keys" 7<"$CASE/screen"
    the server logs ' joined'
    told "$1 says hello, and reads the answer"
    printf 'hello\n' >&6
    while IFS= read -r -t "$KIT_DEADLINE" line <&7; do
        case $line in
            *hello | *hello?) break ;;
        esac
    done
    exec 6>&- 7<&-
    wait $! || true
    answered "$line" hello
}

# answered LINE WORD: LINE ends with WORD, perhaps with the \r of a telnet.
answered() {
    local line=${1%$'\r'}
    [ -n "$line" ] ||
        because timeout "expected: ...$2" "seen:     (nothing)"
    [ "${line%"$2"}" != "$line" ] ||
        because bytes "expected: ...$2" "seen:     $1"
}

# --- starting ---

# Where listen() can be watched, which comes first does not depend on luck.
@test "once the ready line shows, a connection succeeds" {
    local first='strict: listen'
    watched listen || first='listening on'
    the server starts
    alice knocks
    alice says 'hi\n'
    alice hears 'hi\n'
    the server log is read
    [ "$(grep -oE -m 1 'strict: listen|listening on' "$CASE/log")" = "$first" ] ||
        because refused "expected: listen() first, then \"listening on\"" \
            "seen:     the ready line came first: who is quick is refused"
}

@test "on port 0 the kernel picks a port, and the ready line tells which" {
    the server starts 0
    [ "$PORT" -gt 0 ]
    alice joins
}

@test "forty connections may wait in the queue" {
    the server starts
    the server freezes
    crowd of 40 knocks
    the server thaws
}

@test "it takes a host and a port" {
    the server starts 127.0.0.1 0
    alice joins
}

# Whoever holds 9999 now, we or somebody else: the log says 9999.
@test "without arguments it listens on localhost, port 9999" {
    the server tries to start without an argument
    the server log is read
    ! grep -q :3879 "$CASE/log" ||
        because bytes "expected: 9999, in \"listening on\" or in an error" \
            "seen:     $(<"$CASE/log")" \
            "3879 is 9999 with its two bytes swapped: htons(), ntohs()."
    grep -q 9999 "$CASE/log" ||
        because bytes "expected: 9999, in \"listening on\" or in an error" \
            "seen:     $(<"$CASE/log")"
}

@test "only loopback is served unless told otherwise" {
    [ "$(uname)" = Linux ] || skip "127.0.0.2 is an address on Linux only"
    the server starts 0
    alice cannot reach 127.0.0.2
}

@test "it can be restarted at once on the same port" {
    the server starts
    alice joins
    the server gets INT # so it is the server that closes first
    alice sees the end
    alice vanishes
    the server restarts
    bob joins
}

@test "a port in use is an error that names the port" {
    host listens 127.0.0.1
    refuses_naming "$PORT" "$PORT"
}

@test "a port above 65535 is an error that names the port" {
    refuses_naming 99999 99999
}

@test "a port that is not a number is an error that names it" {
    refuses_naming http http
    refuses_naming 80x 80x
    refuses_naming ' 80' ' 80'
}

@test "an empty port is an error" {
    refuses_naming . localhost ''
}

@test "an unknown host is an error that names the host" {
    refuses_naming a..b a..b 0
}

@test "an address of another machine is an error that names it" {
    refuses_naming 192.0.2.1 192.0.2.1 0
}

@test "too many arguments are answered with the usage, and status 2" {
    refuses_with_usage localhost 0 0
    [ "$SAID" = exit2 ] || because "$SAID" "expected: exit status 2"
}

@test "an unknown option is answered with the usage, and status 2" {
    refuses_with_usage -x
    [ "$SAID" = exit2 ] || because "$SAID" "expected: exit status 2"
}

@test "-h prints the usage, and that is no error" {
    the server is asked for help
    [ "$SAID" = exit0 ] || because "$SAID" "expected: exit status 0"
    grep -q . "$CASE/out" ||
        because bytes "expected: the usage, on stdout" "seen:     (nothing)"
}

# However the usage is worded, and however long it is.
refuses_with_usage() {
    local seen='(nothing)'
    the server refuses "$@"
    ! grep -q . "$CASE/out" || seen='(nothing; it came on stdout)'
    grep -q . "$CASE/log" ||
        because bytes "expected: the usage, on stderr" "seen:     $seen"
}
