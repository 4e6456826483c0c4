#!/usr/bin/env bats
# steps: a rung's step in parts, and what keeps them true.

load outside.bash

setup() {
    kit=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    outside_of_bats
    copy=$BATS_TEST_TMPDIR/kit
    mkdir -p "$copy/tests"
    cp -R "$kit/tools" "$kit/v5_locks" "$kit/v6_errors" "$copy/"
    cp "$kit/tests/matrix.tsv" "$copy/tests/"
    cd "$copy" || return 1
}

# change FILE FROM TO
change() {
    grep -q "$2" "$1"
    sed "s|$2|$3|" "$1" >changed
    cp changed "$1"
}

@test "the parts of v6 lead from v5 to it, and each builds" {
    tools/steps --check
    run tools/steps v6_errors
    [ "${#lines[@]}" -eq 5 ]
}

@test "a part that no longer ends at the rung is found, with the line" {
    change v6_errors/server.c 'What a thread does last' 'The last deed of a thread'
    run tools/steps --check
    [ "$status" -eq 1 ]
    prints 'do not end at v6_errors/server.c'
    prints '^ *[+]/[*] The last deed of a thread'
}

@test "a part that does not apply is found by its name" {
    change v5_locks/server.c 'ssize_t sent = send' 'ssize_t n = send'
    run tools/steps --check
    [ "$status" -eq 1 ]
    prints '1_gone.patch does not apply'
}

@test "a part that does not build is found by its number" {
    # The second calls a function that there is not, the fifth mends that.
    change v6_errors/steps/2_crash.patch '^+    leave(c);' '+    leaves(c);'
    awk '/^     leave/ { sub(/^ /, "-"); sub(/leave/, "leaves"); print
            print "+    leave(c);"; next } { print }' \
        v6_errors/steps/5_end.patch >changed
    cp changed v6_errors/steps/5_end.patch
    run tools/steps --check
    [ "$status" -eq 1 ]
    prints 'does not build after part 2'
}

@test "parts are written anew after a fix in the text around them" {
    local rung
    for rung in v5_locks v6_errors; do
        change "$rung/server.c" 'The thread of one client' 'One client has one'
    done
    run tools/steps --renew v6_errors
    [ "$status" -eq 0 ]
    tools/steps --check
    grep -q '^ /[*] One client has one' v6_errors/steps/5_end.patch
    lacks 'The thread of one client' v6_errors/steps/*.patch
}

@test "a fix in the rung itself is made in the part that brings the line" {
    change v6_errors/server.c 'Waits for fd to be' 'Sleeps until fd is'
    run tools/steps --check
    [ "$status" -eq 1 ]
    tools/steps --renew v6_errors
    tools/steps --check
    grep -q '^[+].*Sleeps until fd is' v6_errors/steps/3_wake.patch
    lacks 'fd is' v6_errors/steps/[45]*.patch
}

@test "make diff shows a part, with what it is for, as a patch" {
    cd "$kit"
    make -s diff STAGE=v6_errors PART=3 3>&- >"$copy/told"
    grep -q '^v6_errors, part 3 of 5$' "$copy/told"
    grep -q '^quit wakes the accept thread' "$copy/told"
    mkdir "$copy/part"
    tools/steps v6_errors 3 "$copy/part"
    patch -s "$copy/part/before.c" "$copy/told"
    cmp "$copy/part/before.c" "$copy/part/after.c"
    run make -s diff STAGE=v6_errors PART=9 3>&-
    [ "$status" -ne 0 ]
    prints 'they are 1 to 5'
}

@test "a part that is not there is an error that says which are" {
    run tools/steps v6_errors 7 "$BATS_TEST_TMPDIR"
    [ "$status" -eq 2 ]
    prints '7 is no part of v6_errors: they are 1 to 5'
    run tools/steps v4_broadcast
    [ "$status" -eq 2 ]
    prints 'v4_broadcast has no parts. These rungs have: v6_errors'
}
