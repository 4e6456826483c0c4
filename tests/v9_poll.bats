#!/usr/bin/env bats
# v9_poll: one thread waits for the console, the listener and every client.

load language.bash

@test "two lines typed at once at the console are both obeyed" {
    the server starts
    alice joins
    console types 'who\nquit\n'
    the server logs stopping
}

@test "half a line typed at the console keeps nobody waiting" {
    the server starts
    alice joins
    console types qu
    the server rests
    alice says hi
    alice hears hi
    bob joins
    console types 'it\n'
    the server logs stopping
}

@test "one thread does it all, however many clients there are" {
    the server starts
    crowd of 20 joins
    everyone is settled
    the server threads are counted
    [ "$SAID" -gt 0 ] || skip "this machine has no /proc to count threads"
    [ "$SAID" -eq 1 ] ||
        because threads "expected: one thread" "seen:     $SAID threads"
}

@test "SIGTERM ends the server as quit does" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    the server gets TERM
    the server ends with 0
    alice sees the end
    bob sees the end
    the server logs stopping
    the server logs that alice left
}

@test "Ctrl-C at the console's terminal ends the server as quit does" {
    the server starts on a terminal
    needs_a_terminal
    alice joins
    everyone is settled
    console types '\x03'
    the server ends with 0
    alice sees the end
    the server logs stopping
}

@test "a silent client costs less than 4 KiB" {
    the server starts without sanitizers
    alice joins
    everyone is settled
    the server is weighed
    crowd of 400 joins
    everyone is settled
    the server has grown by less than 1600 KiB
}

@test "ten thousand silent clients cost less than 16 MiB" {
    needs_descriptors 10100
    the server starts without sanitizers, with 10100 descriptors
    alice joins
    everyone is settled
    the server is weighed
    crowd of 10000 joins in silence
    bob joins
    everyone is settled
    the server has grown by less than 16384 KiB
    alice says 'anybody there?'
    alice hears 'anybody there?'
    bob hears 'anybody there?' from alice
}
