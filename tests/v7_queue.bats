#!/usr/bin/env bats
# v7_queue: who speaks waits for no reader, and who does not read for nobody.
#
# A small buffer, and small segments with it, keep the system from holding for
# the reader what the server should: then 400 KB are more than a socket takes,
# and less than the server must keep.

load language.bash

# The system may widen a socket's buffer until it holds all that bob lags by. Much
# less than this, and each send() would wait for a delayed ACK.
needs_small_buffers() {
    watched "small=131072 $*" || true
}

# What bob does not read yet, while the others go on. Once the server rests, it
# has said what it can: the lag is there, and not still to come.
bob_lags_by() {
    bob joins with a buffer of 4096
    bob stops reading
    alice joins
    everyone is settled
    alice floods "$@"
    everyone is settled
}

@test "a slow reader hears every byte, in order, when it reads on" {
    needs_small_buffers
    the server starts
    bob_lags_by 400 kilobytes
    bob reads on
    bob hears all that alice floods
    alice hears all that alice floods
    alice says bye
    bob hears at last bye
}

@test "a slow reader delays nobody" {
    needs_small_buffers
    the server starts
    bob_lags_by 400 kilobytes
    carol joins
    carol says 'am I late?'
    carol hears at last 'am I late?'
    alice hears at last 'am I late?'
    bob reads on
    bob hears at last 'am I late?'
}

@test "four megabytes are heard, every byte in its place" {
    the server starts
    alice joins
    bob joins
    everyone is settled
    alice floods 4 megabytes
    bob hears all that alice floods
    alice hears all that alice floods
}

@test "a reader that never reads is let go once too much waits for it" {
    needs_small_buffers
    the server starts
    bob_lags_by 8 megabytes
    the server logs 'too slow'
    bob reads on
    bob is let go
    the server logs that bob left
    alice says 'where is bob?'
    alice hears at last 'where is bob?'
}

# Once all others have gone, only his own number is above a thousand.
@test "a slow reader with a descriptor above 1024 hears every byte" {
    needs_descriptors 1200
    the server starts with 1200 descriptors
    crowd of 1100 joins
    bob joins with a buffer of 4096
    bob stops reading
    crowd of 1100 vanishes
    everyone is settled
    alice joins
    everyone is settled
    alice floods 400 kilobytes
    everyone is settled
    bob reads on
    bob hears all that alice floods
    alice hears all that alice floods
}

# Whether it may lag that far is the server's business.
@test "a reader that lags far behind never hears a wrong byte" {
    needs_small_buffers
    the server starts
    bob_lags_by 1500 kilobytes
    bob reads on
    bob hears all that alice floods or is let go
    alice hears all that alice floods
}

@test "the server does not grow while 64 MiB pass a reader that never reads" {
    the server starts without sanitizers
    bob joins with a buffer of 4096
    bob stops reading
    alice joins
    carol joins
    everyone is settled
    alice skims
    carol skims
    alice floods 1 megabyte # now all that is needed once is there
    carol hears all that alice floods
    the server is weighed
    alice floods 63 megabytes
    alice says '!' # one byte, which no recv() can cut in two
    carol hears at last '!'
    alice hears at last '!'
    the server has grown by less than 4096 KiB
}

# The sender wakes late each time. It is not the reader's fault.
@test "a client that reads hears all, even if the server is slow to send" {
    watched late=25 || skip "the linker here cannot send calls to strict.c"
    the server starts
    bob joins
    alice joins
    everyone is settled
    alice floods 3 megabytes
    bob hears all that alice floods
    alice hears all that alice floods
}

# Its transcript ends where it left, and up to there it is alice's.
@test "a client that half-closes after a last word still hears the rest" {
    needs_small_buffers
    the server starts
    bob_lags_by 400 kilobytes
    bob says 'my last word'
    bob half closes
    everyone is settled # the server knows that he says no more
    bob reads on
    bob hears at last 'my last word'
    bob is let go
    alice hears at last 'my last word'
    bob writes down what was heard
    alice writes down what was heard
    cmp "$CASE/bob.heard" <(head -c "$(wc -c <"$CASE/bob.heard")" \
        "$CASE/alice.heard") >"$CASE/cmp" 2>&1 ||
        because bytes "expected: bob hears what alice hears, up to his end" \
            "seen:     $(<"$CASE/cmp")"
}

# If the server sends late, those who leave are sent the last of it together.
@test "a client that says quit still hears the rest" {
    needs_small_buffers late=10
    the server starts
    carol joins with a buffer of 4096
    carol stops reading
    dave joins with a buffer of 4096
    dave stops reading
    bob_lags_by 400 kilobytes
    alice hears all that alice floods # so it is due to the others, too
    bob says quit
    carol says quit
    dave says quit
    everyone is settled
    the server freezes
    bob reads on
    carol reads on
    dave reads on
    the server thaws
    bob hears all that alice floods
    carol hears all that alice floods
    dave hears all that alice floods
    bob is let go
    carol is let go
    dave is let go
}

@test "quit does not wait for a client that has left to read the rest" {
    needs_small_buffers
    the server starts
    bob_lags_by 400 kilobytes
    bob half closes
    the server rests # and does not spin, for bob is at his end
    console says quit
    the server ends with 0
}

@test "a reader that lags and crashes goes alone, and the server rests" {
    needs_small_buffers
    the server starts
    bob_lags_by 400 kilobytes
    bob crashes
    the server rests
    alice says 'is bob well?'
    alice hears at last 'is bob well?'
}

# Each time what is said to the console makes it print the names of all.
@test "a console that nobody reads does not stall the room" {
    the server starts
    crowd of 300 joins
    alice joins
    nobody reads the console
    console types "$(printf 'who\\n%.0s' {1..40})"
    the server rests
    alice says hi
    alice hears hi
    bob joins
    bob says 'and I?'
    alice hears 'and I?' from bob
}

@test "two thousand clients are in one room, and all hear what one says" {
    needs_descriptors 2100
    the server starts without sanitizers, with 2100 descriptors
    crowd of 2000 joins
    alice joins
    everyone is settled
    alice says 'hi all'
    alice hears 'hi all'
    crowd of 2000 hears 'hi all' from alice
}

@test "five hundred silent clients cost no processor time" {
    the server starts without sanitizers, with 1024 descriptors
    crowd of 500 joins
    alice joins
    alice says hi
    alice hears hi
    everyone is settled
    the server stays idle
}
