#!/usr/bin/env bats
# v2_threads: many clients at once, and the console.

load language.bash

@test "the answer carries the time and the sender's address" {
    export TZ=XYZ-5:45 # whose local time is not that of Greenwich
    reopen_stage
    the server starts
    alice joins
    alice says hello
    alice hears hello
    alice waits for the next second
    alice says again
    alice hears again
    order alice heard-time
    [ "$SAID" = 0 ] ||
        because bytes "expected: the local time of now" \
            "seen:     a time that is $SAID s off"
}

@test "only the sender hears the answer" {
    the server starts
    alice joins
    bob joins
    alice says 'to myself'
    alice hears 'to myself'
    bob says 'and I'
    bob hears 'and I'
    bob leaves
    alice says again
    alice hears again
}

@test "two hundred clients are served at once" {
    the server starts
    crowd of 200 joins
    crowd of 200 greets itself
}

@test "the console tells how many threads there are" {
    the server starts
    alice joins
    bob joins
    counts_threads
}

@test "the console counts no thread that has ended" {
    the server starts
    alice joins
    bob joins
    bob leaves
    the server logs ' left'
    counts_threads
}

# The number on the console is the one that the system knows.
counts_threads() {
    the server rests
    console says hello
    order server line
    local counted=$SAID
    order server threads
    case " ${counted//[!0-9]/ } " in # there may be other numbers, too
        *" $SAID "*) ;;
        *)
            because bytes "expected: a line with $SAID, the number of threads" \
                "seen:     $counted" ;;
    esac
}

@test "the server goes on when the console's input ends" {
    the server starts
    console input ends
    the server rests # a console that reads on and on never does
    alice joins
    bob joins
    alice says hi
    alice hears hi
    carol joins # after a quit, one or two more may still get in
}

@test "no prompt is shown when stdin is no terminal" {
    the server starts
    console says hello
    order server line
    case $SAID in
        '>'*) because bytes "expected: no prompt" "seen:     $SAID" ;;
    esac
}

@test "a prompt is shown when stdin is a terminal" {
    the server starts +tty 0
    console shows '>>> '
    console says hello
    console shows '>>> '
}

@test "quit is acknowledged" {
    the server starts
    console says quit
    the server logs stopping
}

@test "quit needs no line ending" {
    the server starts
    console types quit
    console input ends
    the server logs stopping
}

@test "a hundred joins and leaves leak no thread" {
    [ "$(uname)" = Linux ] || skip "RLIMIT_AS bounds nothing here"
    the server starts +plain +address=200 0
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        crowd of 10 comes and goes
        everyone is settled # a thread may say "left" and end a little later
    done
    alice joins
    alice says hi
    alice hears hi
}
