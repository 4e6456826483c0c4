#!/usr/bin/env bats
# v4_broadcast: the room.

load language.bash

@test "everyone hears what one client says, the sender too" {
    the server starts
    alice joins
    bob joins
    carol joins
    everyone is settled
    alice says hi
    alice hears hi
    bob hears hi from alice
    carol hears hi from alice
    bob says 'hi yourself'
    alice hears 'hi yourself' from bob
    bob hears 'hi yourself'
    carol hears 'hi yourself' from bob
}

@test "two hundred clients in the room all hear what one says" {
    the server starts
    crowd of 200 joins
    alice joins
    everyone is settled
    alice says 'hi all'
    alice hears 'hi all'
    crowd of 200 hears 'hi all' from alice
}

@test "the console lists who is connected" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    console lists alice and bob
    alice says 'still here?'
    alice hears 'still here?'
}

@test "a client that leaves does not take the room down" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice says 'hi bob'
    alice hears 'hi bob'
    bob hears 'hi bob' from alice
    bob leaves
    for word in one two three; do
        alice says "$word"
        alice hears "$word"
    done
}

# A descriptor that is closed while its client is listed is the next one's, who
# would hear all twice. One message only: the second kills v4.
@test "after a client has left, a newcomer hears a message once" {
    the server starts
    alice joins
    bob joins
    bob leaves
    the server logs that bob left
    carol joins
    dave joins
    everyone is settled
    alice says hi
    alice hears hi
    carol hears hi from alice
    dave hears hi from alice
    console says quit
    carol sees the end
    dave sees the end
}

@test "many joining and talking at once is free of data races" {
    with_tsan
    the server starts
    storm of 400 rounds with 24 people, calm
    alice joins # the last in the queue: all others are in by now
    alice says 'over\n'
    alice hears at last 'over\n'
    there_is_no_race
}
