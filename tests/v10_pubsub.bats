#!/usr/bin/env bats
# v10_pubsub: several servers are one room, and a broker stands between them.

load language.bash

east_and_west_start() {
    server east starts
    server west starts
    alice joins east
    bob joins west
    everyone is settled
}

@test "what a client says at one server is heard at the other" {
    east_and_west_start
    alice says hi
    alice hears hi
    bob hears hi from alice
    bob says 'hi yourself'
    bob hears 'hi yourself'
    alice hears 'hi yourself' from bob
}

@test "when six clients at three servers talk at once, all hear one order" {
    server east starts
    server west starts
    server north starts
    crowd of 6 joins east, west and north
    everyone is settled
    crowd of 6 chats, 40 lines each
    crowd of 6 has heard one order
    crowd of 6 chats, 40 lines each, seed 11
    crowd of 6 has heard one order
}

@test "bytes pass unchanged from server to server: UTF-8, GBK, NUL and 0xFF" {
    east_and_west_start
    for text in '\xe4\xbd\xa0\xe5\xa5\xbd' '\xc4\xe3\xba\xc3' 'a\0b\0' '\xff\xfe' \
        '%s%n 100%' '\0' '\r'; do
        alice says "$text"
        bob hears "$text" from alice
        alice hears "$text"
    done
}

@test "a line of 60000 bytes reaches everyone at every server in one piece" {
    east_and_west_start
    alice says x 60000 times
    alice hears x from alice 60000 times
    bob hears x from alice 60000 times
}

@test "a server that starts later joins the same room" {
    server east starts
    alice joins east
    alice says 'anybody there?'
    alice hears 'anybody there?'
    server west starts
    bob joins west
    bob says 'me, now'
    alice hears 'me, now' from bob
    bob hears at last 'me, now'
}

@test "a server that is killed costs the others nothing, and may come back" {
    east_and_west_start
    server north starts
    carol joins north
    everyone is settled
    server west dies
    bob is let go
    alice says 'where is bob?'
    alice hears 'where is bob?'
    carol hears 'where is bob?' from alice
    server west starts again
    bob joins west
    everyone is settled
    bob says here
    bob hears at last here
    carol hears here from bob
    alice hears here from bob
}

# Alice hears it herself: then the broker has passed it on to whoever listens, and
# bob's own words come behind it.
@test "two rooms at one broker hear nothing of each other" {
    server east starts in the room garden
    server west starts in the room kitchen
    alice joins east
    bob joins west
    everyone is settled
    alice says psst
    alice hears psst
    bob says 'anybody in the kitchen?'
    bob hears 'anybody in the kitchen?'
}

@test "no broker at the start is an error that names the broker" {
    the broker starts
    the broker dies
    refuses_naming "$BROKER_PORT" 0
}

@test "a broker address that makes no sense is an error that names it" {
    refuses_naming 127.0.0.1:http -b 127.0.0.1:http 0
    refuses_naming 127.0.0.1:99999 -b 127.0.0.1:99999 0
    refuses_naming a..b -b a..b:6379 0
}

@test "a broker that pauses for a moment costs nobody a word" {
    east_and_west_start
    the broker stops answering
    alice floods 500 kilobytes
    the broker goes on
    alice hears all that alice floods
    bob hears all that alice floods
}

# The two seconds are there for an attempt to connect, too.
@test "a broker that does not answer is found out, and the server stays awake" {
    east_and_west_start
    alice says hi
    bob hears hi from alice
    the broker stops answering
    the log of east says 'lost the broker'
    the log of west says 'lost the broker'
    server east stays idle
    dave joins east
    dave leaves
    alice leaves
    the broker goes on
    the log of east says 'found the broker again'
    the log of west says 'found the broker again'
    carol joins east
    everyone is settled
    bob says 'who is there?'
    carol hears 'who is there?' from bob
}

@test "a broker that dies and comes back finds its servers again" {
    east_and_west_start
    the broker dies
    the log of east says 'lost the broker'
    the log of west says 'lost the broker'
    carol joins east
    bob leaves
    the broker starts again
    the log of east says 'found the broker again'
    the log of west says 'found the broker again'
    bob joins west
    everyone is settled
    alice says 'there we are'
    alice hears 'there we are'
    carol hears 'there we are' from alice
    bob hears 'there we are' from alice
}

@test "while the broker is away a server uses no processor time" {
    server east starts
    alice joins east
    everyone is settled
    the broker dies
    the log of east says 'lost the broker'
    server east stays idle
}

@test "what is said while the broker is away arrives later" {
    east_and_west_start
    the broker dies
    the log of east says 'lost the broker'
    the log of west says 'lost the broker'
    alice says 'does anybody hear me?'
    the broker starts again
    the log of east says 'found the broker again'
    the log of west says 'found the broker again'
    alice says 'I am back'
    bob hears 'does anybody hear me?' from alice before 'I am back'
}

@test "a broker that does not answer costs a server no memory" {
    the server starts without sanitizers
    alice joins
    bob joins
    everyone is settled
    alice floods 4
    alice hears all that alice floods
    bob skims
    the server is weighed
    the broker stops answering
    alice stops reading
    alice floods 64
    the server has grown by less than 8192 KiB
}

@test "quit and SIGTERM end a server although the broker does not answer" {
    east_and_west_start
    alice says hi
    bob hears hi from alice
    alice hears hi
    the broker stops answering
    alice says 'does anybody hear me?'
    everyone is settled
    console of east says quit
    server east ends with 0
    alice sees the end
    server west gets TERM
    server west ends with 0
    bob sees the end
}

@test "a server too slow for the broker is cut off, and comes back" {
    the broker starts with a buffer of 4 MB for a slow server
    east_and_west_start
    server west freezes
    alice floods 32
    alice hears all that alice floods
    server west thaws
    the log of west says 'lost the broker'
    the log of west says 'found the broker again'
    alice says 'still there?'
    alice hears 'still there?'
    bob hears at last 'still there?'
}

# It needs more than that for itself.
@test "a broker that is out of memory still carries what is said" {
    the broker starts with 100 KB of memory
    east_and_west_start
    alice says hi
    alice hears hi
    bob hears hi from alice
}
