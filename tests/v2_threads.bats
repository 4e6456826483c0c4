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
    alice is told the right time
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

# They are heard in one moment: what their threads share goes wrong now.
@test "three clients that talk at the same moment each hear their own words" {
    the server starts with pauses
    alice joins
    bob joins
    carol joins
    everyone is settled
    for round in {1..30}; do
        the server freezes
        alice says "round $round is alice's"
        bob says "round $round is bob's own"
        carol says "round $round: carol"
        the server thaws
        alice hears at last "round $round is alice's"
        bob hears at last "round $round is bob's own"
        carol hears at last "round $round: carol"
    done
}

@test "the console answers before any client has come" {
    the server starts
    console says hello
    the server rests
    alice joins
    alice says hi
    alice hears hi
}

@test "the console tells how many threads there are" {
    the server starts
    alice joins
    bob joins
    console counts the threads
}

@test "a thread that has ended is no longer counted" {
    the server starts
    alice joins
    bob joins
    bob leaves
    the server logs that bob left
    console counts the threads
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
    console shows no prompt
}

@test "a prompt is shown when stdin is a terminal" {
    the server starts on a terminal
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

@test "a word at the console that only looks like quit does not end it" {
    the server starts
    for word in quitter QUIT; do
        console says "$word"
        the server rests
    done
    alice joins
    alice says hi
    alice hears hi
    bob joins
    carol joins # after a quit, one or two more may still get in
}

@test "a hundred joins and leaves leak no thread" {
    [ "$(uname)" = Linux ] || skip "RLIMIT_AS bounds nothing here"
    the server starts without sanitizers, in 200 MB of address space
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        crowd of 10 comes and goes
        everyone is settled # a thread may say "left" and end a little later
    done
    alice joins
    alice says hi
    alice hears hi
}
