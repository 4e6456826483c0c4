#!/usr/bin/env bats
# v5_locks: who leaves is off the list.

load language.bash

@test "a client that says quit is let go" {
    the server starts
    for word in quit 'quit\n' 'quit\r\n'; do
        alice joins
        alice says 'a longer word than quit\n'
        alice hears 'a longer word than quit\n'
        alice says "$word"
        alice sees the end
        the server logs that alice left
        alice vanishes
    done
}

@test "a client's quit is not broadcast" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice says 'bye\n'
    alice hears 'bye\n'
    bob hears 'bye\n' from alice
    alice says 'quit\n'
    alice sees the end
    bob says 'alone\n'
    bob hears 'alone\n'
}

@test "a word that only begins with quit is a message" {
    the server starts
    alice joins
    for word in quite 'quit it\n' ' quit\n' '\n' '\r\n' QUIT; do
        alice says "$word"
        alice hears "$word"
    done
}

@test "a client that has left is off the console's list" {
    the server starts
    alice joins
    bob joins
    bob leaves
    the server logs that bob left
    everyone is settled
    console lists alice
}

@test "after others have left, a newcomer hears everything once" {
    the server starts
    alice joins
    bob joins
    carol joins
    bob leaves
    carol leaves
    the server logs that carol left
    newcomers_hear_once
}

@test "after others have said quit, a newcomer hears everything once" {
    the server starts
    alice joins
    bob joins
    carol joins
    bob says quit
    bob sees the end
    carol says quit
    carol sees the end
    the server rests
    newcomers_hear_once
}

# The second newcomer gets a number that was used before: the thread in
# accept() may hold the next one already.
newcomers_hear_once() {
    bob joins
    carol joins
    everyone is settled
    for word in one two; do
        alice says "$word"
        alice hears "$word"
        bob hears "$word" from alice
        carol hears "$word" from alice
    done
}

@test "joining, talking and leaving in good order is free of data races" {
    with_tsan pauses
    the server starts
    storm of 2000 rounds with 24 people, orderly
    console answers hello # it has looked at the list; now the list changes
    alice joins
    alice says 'over\n'
    alice hears at last 'over\n'
    there_is_no_race
}

@test "five hundred joins and leaves leak no descriptor" {
    the server starts
    crowd of 5 comes and goes
    the server descriptors are counted
    before=$SAID
    [ "$before" -gt 0 ] || skip "this machine has no /proc to count descriptors"
    crowd of 500 comes and goes
    the server rests
    the server descriptors are counted
    [ "$SAID" -le $((before + 5)) ] ||
        because leak "expected: about $before open descriptors" \
            "seen:     $SAID"
}

@test "a client that has left leaves no memory behind" {
    with_leak_check
    the server starts
    crowd of 20 comes and goes
    the server rests
    console says quit
    the server logs stopping
    bob knocks or is refused # where quit ends it at once
    bob vanishes
    no_client_leaked 20
}
