#!/usr/bin/env bats
# client: the test plays its server (host), or lets it into a real room.

load language.bash

@test "the client says hello first" {
    host listens
    client starts "$PORT"
    host accepts
    host hears 'say hello\n'
}

@test "the client shows what arrives" {
    greeted
    host says 'welcome\n'
    client shows 'welcome\n'
    host says 'to the room\n'
    client shows 'to the room\n'
}

@test "a piece without a newline is shown on a line of its own" {
    greeted
    host says 'no newline'
    client shows 'no newline\n'
}

@test "bytes are shown as they came: UTF-8, GBK, NUL and 0xFF" {
    greeted
    host says '\xe4\xbd\xa0 \xc4\xe3 \0\xff\n'
    host says 'then\n'
    client shows 'then\n'
    the client output is read
    printf '\344\275\240 \304\343 \000\377\nthen\n' >"$CASE/expected"
    cmp -s "$CASE/expected" "$CASE/out" ||
        because bytes "expected: $(od -c "$CASE/expected")" \
            "seen:     $(od -c "$CASE/out")"
}

@test "what is typed is sent, line by line, newline and all" {
    greeted
    client types 'one\ntwo\n'
    host hears 'one\ntwo\n'
    client says '\xe4\xbd\xa0 \xc4\xe3'
    host hears '\xe4\xbd\xa0 \xc4\xe3\n'
}

@test "a typed word that only looks like quit is sent" {
    greeted
    for word in quitter 'quit it' QUIT; do
        client says "$word"
        host hears "$word\n"
    done
}

@test "a typed line of 5000 bytes is sent whole" {
    greeted
    client says "$(printf 'x%.0s' {1..5000})"
    host hears "$(printf 'x%.0s' {1..5000})\n"
}

@test "quit is not sent: the client leaves in good order, with status 0" {
    greeted
    client says bye
    client says quit
    host hears 'bye\n'
    host sees a farewell
    host vanishes
    client ends with 0
}

@test "what is said until the end is still shown after quit" {
    greeted
    client says quit
    host sees a farewell
    host says 'good bye\n'
    host vanishes
    client shows 'good bye\n'
    client ends with 0
}

@test "at the end of its input the client leaves, once all is sent" {
    host listens
    client starts "$PORT"
    client types 'one\ntwo\nthree\n'
    client input ends
    host accepts
    host hears 'say hello\none\ntwo\nthree\n'
    host sees a farewell
    host vanishes
    client ends with 0
}

@test "the end of input with lines unsent is an error" {
    host listens
    host disappears
    client starts "$PORT"
    client rests
    client types 'lost\n'
    client input ends
    client ends with 1
}

@test "a server that is not there yet is waited for" {
    host listens
    host disappears
    client starts "$PORT"
    client says 'I was early'
    client rests # so it has read the line
    host listens again
    host accepts
    host hears 'say hello\nI was early\n'
}

@test "the client reconnects to a server that goes away and comes back" {
    greeted
    host vanishes
    host accepts
    host hears 'say hello\n'
    client says 'still me'
    host hears 'still me\n'
}

@test "the client reconnects to a server that crashes and comes back" {
    greeted
    host resets it
    host accepts
    host hears 'say hello\n'
    client says 'still me'
    host hears 'still me\n'
}

# The client has more to say than anybody reads: it is stuck in send().
@test "the client reconnects to a server that goes away during a send" {
    greeted
    host stops reading
    client floods 8
    client rests
    host half closes
    client rests # it knows by now
    host vanishes
    host accepts
    host hears 'say hello\n'
}

@test "a typed line goes out whole even if send() takes a few bytes at a time" {
    watched short || skip "the linker here cannot send calls to strict.c"
    greeted
    client says 'more than just a few bytes'
    host hears 'more than just a few bytes\n'
}

@test "quit ends the client while it waits for a server" {
    host listens
    host disappears
    client starts "$PORT"
    client says quit
    client ends with 0
}

@test "the client reaches an IPv6 server, too" {
    host listens ::1 || skip "::1 is no address of this machine"
    client starts ::1 "$PORT"
    host accepts
    host hears 'say hello\n'
}

@test "the client chats in a real room" {
    the server starts
    alice joins
    client starts "$PORT"
    alice hears at last 'say hello\n'
    alice says 'hi there\n'
    client shows 'hi there\n'
    client says 'hi alice'
    alice hears at last 'hi alice\n'
    client says quit
    client ends with 0
    alice says 'gone?\n'
    alice hears at last 'gone?\n'
}

@test "the client leaves a busy room without a reset" {
    the server starts
    alice joins
    client starts "$PORT"
    alice hears at last 'say hello\n'
    alice says 'a word to leave unread\n' 50 times
    client says quit
    client ends with 0
    the server log is read
    ! grep -q 'recv:' "$CASE/log" ||
        because reset "expected: an end-of-stream" \
            "seen:     a reset: $(grep -m 1 'recv:' "$CASE/log")"
}

# As long a pause each time is none that grows, and what is shorter than a fifth
# of a second is none; one who has none is ahead of what we have seen.
@test "the client tries a server that stays away less and less often" {
    watched connect || skip "the linker here cannot send calls to strict.c"
    host listens
    host disappears
    client starts 127.0.0.1 "$PORT"
    for n in 3rd 4th 5th 6th 7th 8th 9th 10th; do
        client calls "connect()" for the "$n" time
        the client output is read
        ! pauses_grow "$((${n%??} + 2))" || return 0
    done
    because timeout "expected: pauses that grow between its attempts" \
        "seen:     pauses:$(pauses) ms"
}

attempts() {
    sed -n 's/^strict: connect() number .* at \([0-9]*\) ms$/ \1/p' "$CASE/err" |
        tr -d '\n'
}

pauses() {
    attempts | awk '{ for (i = 2; i <= NF; i++) printf " %d", $i - $(i - 1) }'
}

# pauses_grow N: so many attempts at most, and one pause is half as long again as
# one before it.
pauses_grow() {
    attempts | awk -v most="$1" '{
        for (i = 2; i <= NF; i++) {
            pause = $i - $(i - 1)
            if (pause >= 200 && !least)
                least = pause
            if (least && 2 * pause > 3 * least)
                grows = NF <= most
        }
    } END { exit !grows }'
}

@test "the client shows a prompt on a terminal, and what arrives on its own line" {
    host listens
    client starts on a terminal
    host accepts
    client shows '>>> '
    host says 'hi\n'
    client shows 'hi'
    client shows '>>> '
}

@test "nobody in the room can control the client's terminal" {
    host listens
    client starts on a terminal
    host accepts
    host says '\x1b[2Jhi\x07\n'
    host says 'a\xe2\x80\xaeb\xe2\x81\xa6c\xe2\x80\xa8d\xc2\x9be\n'
    host says 'then\n'
    client shows 'hi'
    client shows 'then'
    the client output is read
    local seen=''
    ! LC_ALL=C grep -q $'\033\\[2J' "$CASE/out" || seen=' \x1b[2J'
    ! LC_ALL=C grep -q $'\a' "$CASE/out" || seen="$seen \\x07"
    ! LC_ALL=C grep -q $'\xe2\x80\xae' "$CASE/out" || seen="$seen U+202E"
    ! LC_ALL=C grep -q $'\xe2\x81\xa6' "$CASE/out" || seen="$seen U+2066"
    ! LC_ALL=C grep -q $'\xe2\x80\xa8' "$CASE/out" || seen="$seen U+2028"
    ! LC_ALL=C grep -q $'\xc2\x9b' "$CASE/out" || seen="$seen U+009B"
    [ -z "$seen" ] ||
        because bytes 'expected: neither \x1b[2J nor \x07, and none of' \
            '          U+202E, U+2066, U+2028, U+009B' "seen:    $seen"
}

@test "an unknown host is an error that the client names" {
    client_refuses a..b a..b 9999
}

@test "a port that is not a number is an error that the client names" {
    client_refuses 99999 99999
    client_refuses http http
    client_refuses . localhost ''
}

@test "the client answers too many arguments with its usage, and status 2" {
    client starts a b c
    client ends with 2
}

@test "the client's -h prints the usage, and that is no error" {
    client starts -h
    client ends with 0
    the client output is read
    grep -q . "$CASE/out" ||
        because bytes "expected: the usage, on stdout" "seen:     (nothing)"
}

greeted() {
    host listens
    client starts "$PORT"
    host accepts
    host hears 'say hello\n'
}

# client_refuses WORD ARGUMENT...: a status that is not 0, and WORD on stderr
client_refuses() {
    local word=$1
    shift
    client starts "$@"
    client ends with an error
    the client output is read
    grep -q -e "$word" "$CASE/err" ||
        because bytes "expected: \"$word\" in the message" \
            "seen:     $(<"$CASE/err")"
}
