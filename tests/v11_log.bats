#!/usr/bin/env bats
# v11_log: the room is a log at the broker, and each server has its place in it.

load language.bash

# When carol has heard the last line, her server, which is bob's, has it.
@test "a newcomer hears the last ten lines, at every server" {
    newcomers hear the last 10 lines
    server east starts
    server west starts
    alice joins east
    carol joins west
    everyone is settled
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        alice says "line $i"
        alice hears "line $i"
    done
    carol hears at last 'line 12'
    bob joins west
    everyone is settled
    alice says now
    bob hears 'line 3' from alice before now
    for i in 4 5 6 7 8 9 10 11 12; do
        bob hears "line $i" from alice
    done
    bob hears now from alice
}

@test "a server that is killed and starts again knows the last lines" {
    newcomers hear the last 10 lines
    server east starts
    server west starts
    alice joins east
    everyone is settled
    alice says 'before the fall'
    alice hears 'before the fall'
    server west dies
    alice says 'after the fall'
    alice hears 'after the fall'
    server west starts again
    bob joins west
    everyone is settled
    alice says now
    bob hears 'before the fall' from alice before now
    bob hears 'after the fall' from alice
    bob hears now from alice
}

@test "a server that stood still catches up, every byte in its place" {
    server east starts
    server west starts
    alice joins east
    bob joins west
    everyone is settled
    server west freezes
    alice floods 3
    alice hears all that alice floods
    server west thaws
    bob hears all that alice floods
}

@test "when too much waits for the broker, the speaker is told" {
    server east starts
    server west starts
    alice joins east
    bob joins west
    everyone is settled
    the broker dies
    the log of east says 'lost the broker'
    the log of west says 'lost the broker'
    alice floods 2
    alice hears at last 'too much waits for the broker'
    bob says 'is the broker away?'
    the broker starts again
    the log of west says 'found the broker again'
    bob hears at last 'is the broker away?'
}
