#!/usr/bin/env bats
# v3_event: what quit does, and when.
#
# Before quit the server is at rest: its threads sleep in accept() and recv().
# Else quit might win against a thread's very first look at the flag.

load language.bash

quit() {
    the server rests
    console says quit
    the server logs stopping
}

@test "after quit the next connection is not served" {
    the server starts
    alice joins
    alice says hi
    alice hears hi
    quit
    bob is not served
    carol is not served
}

@test "after quit a client is let go, after one more message at most" {
    the server starts
    alice joins
    alice says hi
    alice hears hi
    quit
    alice says one or is cut off
    alice is let go
}

# Whatever a rung does with those who are there, it does before it ends.
@test "every client that is connected at quit is let go, and the log says so" {
    the server starts
    alice joins
    alice says hi
    alice hears hi
    quit
    alice says one or is cut off
    alice is let go
    the server logs that alice left
}

@test "every client sees end-of-stream on quit" {
    the server starts
    alice joins
    bob joins
    quit
    alice sees the end
    bob sees the end
}

@test "quit ends a server with nobody connected" {
    the server starts
    quit
    the server ends with 0
    the server ends at quit 30 times, with pauses
}

@test "quit ends a server with an idle client" {
    the server starts
    alice joins
    quit
    the server ends with 0
    the server ends at quit 10 times, with pauses, as 3 knock
}

@test "after quit, with all gone and one more connection, the exit status is 0" {
    the server starts
    alice joins
    alice leaves
    quit
    bob knocks or is refused # where quit ends it at once
    bob vanishes
    the server ends with 0
}

@test "quit is free of data races" {
    with_tsan
    the server starts
    alice joins
    alice says hi
    alice hears hi
    quit
    alice says one or is cut off
    alice is let go
    there_is_no_race
}
