#!/usr/bin/env bats
# v8_lines: a line is a message, however it comes.
#
# Between two pieces the server comes to rest: it has taken the first by itself.

load language.bash

@test "a line that comes a byte at a time is one message" {
    the server starts
    alice joins
    alice begins b
    everyone is settled
    alice says slowly 'yte by byte\n'
    alice hears 'byte by byte\n'
}

@test "two lines in one packet are two messages, each with its own head" {
    the server starts
    alice joins
    alice says 'one\ntwo\n'
    alice hears 'one\n'
    alice hears 'two\n'
}

@test "the lines of two clients that talk at once never mix" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice begins 'I am '
    bob begins 'You are '
    everyone is settled
    bob goes on 'bob?\n'
    alice hears 'You are bob?\n' from bob
    alice goes on 'alice\n'
    bob hears 'You are bob?\n'
    bob hears 'I am alice\n' from alice
    alice hears 'I am alice\n'
}

@test "however a long talk is cut up, everyone hears each line whole, in order" {
    the server starts
    crowd of 6 joins
    everyone is settled
    crowd of 6 chats, 40 lines each
    crowd of 6 chats, 40 lines each, seed 11
}

@test "a line of 60000 bytes reaches everyone in one piece" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice says x 60000 times
    alice hears x from alice 60000 times
    bob hears x from alice 60000 times
}

@test "half a long line waits for its other half, even if others leave meanwhile" {
    the server starts
    alice joins
    bob joins
    carol joins
    everyone is settled
    alice begins x 30000 times
    everyone is settled
    bob leaves
    the server logs that bob left
    alice goes on x 30000 times
    alice goes on '\n'
    carol hears x from alice 60000 times
    alice hears x from alice 60000 times
}

# 64 KiB, the newline among them, is the longest.
@test "a line of 64 KiB is heard, and one that is a byte longer is not" {
    the server starts
    alice joins
    everyone is settled
    for bytes in 65534 65535; do
        bob joins
        everyone is settled
        bob begins x $bytes times
        everyone is settled
        bob goes on '\n'
        bob hears x from bob $bytes times
        alice hears x from bob $bytes times
        bob leaves
    done
    bob joins
    bob says x 65536 times or is cut off # before the last byte
    bob is let go
    the server logs 'line too long'
    alice says 'who was that?'
    alice hears 'who was that?'
}

@test "a line without end costs its sender only" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    bob talks without end
    bob is let go
    the server logs 'line too long'
    the server logs that bob left
    alice says 'where is bob?'
    alice hears 'where is bob?'
}

@test "a piece of a line is heard by nobody if its sender crashes" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    bob begins 'half a wo'
    everyone is settled
    bob crashes
    alice says 'what was that?'
    alice hears 'what was that?'
}

# One of the two newcomers has bob's number.
@test "a newcomer's first line holds nothing of a client that crashed" {
    the server starts
    dave joins
    bob joins
    everyone is settled
    bob begins 'half a wo'
    everyone is settled
    bob crashes
    newcomers_hear_each_other
}

@test "a newcomer's first line holds nothing of a client that said quit" {
    the server starts
    dave joins
    bob joins
    everyone is settled
    bob begins 'quit\nhalf a wo'
    bob sees the end
    bob vanishes
    newcomers_hear_each_other
}

newcomers_hear_each_other() {
    everyone is settled
    alice joins
    carol joins
    everyone is settled
    alice says hi
    alice hears hi
    carol hears hi from alice
    carol says 'hi yourself'
    carol hears 'hi yourself'
    alice hears 'hi yourself' from carol
}

@test "a piece of a line is heard as a line if its sender leaves in good order" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    bob begins 'good by'
    everyone is settled
    bob goes on e
    everyone is settled
    bob leaves
    alice hears 'good bye' from bob
}

@test "quit behind another line in one packet is heard" {
    the server starts
    alice joins
    alice says 'bye\nquit\n'
    alice hears 'bye\n'
    alice sees the end
}

@test "quit in two pieces is heard" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice begins qu
    everyone is settled
    alice goes on 'it\n'
    alice sees the end
    bob says alone
    bob hears alone
}

@test "a letter of UTF-8 or GBK that comes in two pieces stays one" {
    the server starts
    alice joins
    for letter in '\xe4\xbd \xa0' '\xc4 \xe3'; do
        alice begins "${letter% *}"
        everyone is settled
        alice goes on "${letter#* }\n"
        alice hears "${letter/ /}\n"
    done
}
