#!/usr/bin/env bats
# pauses: threads that are made to pause show a race, and a seed plays it again.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    dir=$BATS_TEST_TMPDIR/work
    outside_of_bats
    export KIT_DEADLINE=4
}

needs_wrap() {
    tests/run --stage v1_echo --rows '^-h prints' >/dev/null 3>&-
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "the linker cannot do that"
}

# graded ARGUMENT...: a verdict on the one row that plays with pauses.
graded() {
    run tests/run --dir "$dir" --stage v6_errors \
        --test 'quit ends a server with nobody connected' "$@" 3>&-
    printf '%s\n' "$output"
}

@test "a wake-up that comes too early is found, and its seed is told" {
    needs_wrap
    mkdir -p "$dir"
    cp -R v6_errors "$dir/"
    patch -p1 -s -d "$dir" \
        <tests/mutants/v6_errors-tests_before_it_takes_the_lock.patch
    graded
    [ "$status" -eq 1 ]
    prints 'how:   timeout'
    prints 'hint:  It hangs only if a thread pauses at the wrong moment'
    prints 'again: make test DIR=.* SEED=[0-9]+$'
    graded --seed 1000
    [ "$status" -eq 1 ]
    prints 'again: make test DIR=.* SEED=10[0-9][0-9]$'
}

# Each nanosleep() of strict.c comes here instead.
@test "a seed stands for the same pauses each time, another for others" {
    needs_wrap
    cat >"$BATS_TEST_TMPDIR/steps.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

int __wrap_nanosleep(const struct timespec *t, struct timespec *rest)
{
    (void)rest;
    return printf("%ld ms\n", t->tv_nsec / 1000000) < 0 ? -1 : 0;
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    for (int i = 0; i < 50; i++) {
        accept(-1, NULL, NULL);
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
        puts("round");
    }
    return 0;
}
END
    # shellcheck disable=SC2046 # Each word is an option.
    cc -std=c11 -pthread -o "$BATS_TEST_TMPDIR/steps" \
        "$BATS_TEST_TMPDIR/steps.c" tests/sandbox/strict.c \
        $(cat tests/sandbox/strict.flags) -Wl,--wrap=nanosleep
    cd "$BATS_TEST_TMPDIR"
    ./steps >none
    ! grep ms none || false
    for seed in 5 5 6; do
        STRICT=pauses=$seed ./steps >"$seed.now"
        [ "$(grep -c ms "$seed.now")" -gt 5 ]
        [ ! -e "$seed" ] || cmp "$seed" "$seed.now"
        mv "$seed.now" "$seed"
    done
    ! cmp -s 5 6 || false
    # Never so long that a test takes much longer.
    [ "$(awk '/ms/ { sum += $1 } END { print sum }' 5)" -lt 320 ]
}

# Or the server would be taken for one at rest, which has said all that it will.
@test "a thread that is held up by strict.c has another name meanwhile" {
    needs_wrap
    [ -r /proc/self/stat ] || skip "nothing here tells a thread's name"
    cat >"$BATS_TEST_TMPDIR/names.c" <<'END'
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int __wrap_nanosleep(const struct timespec *t, struct timespec *rest)
{
    char name[16];

    (void)rest;
    prctl(PR_GET_NAME, name);
    return printf("%s %ld ms\n", name, t->tv_nsec / 1000000) < 0 ? -1 : 0;
}

int main(void)
{
    poll(NULL, 0, 0);
    close(socket(AF_INET, SOCK_STREAM, 0));
    for (int i = 0; i < 50; i++)
        accept(-1, NULL, NULL);
    return 0;
}
END
    # shellcheck disable=SC2046 # Each word is an option.
    cc -std=gnu11 -pthread -o "$BATS_TEST_TMPDIR/names" \
        "$BATS_TEST_TMPDIR/names.c" tests/sandbox/strict.c \
        $(cat tests/sandbox/strict.flags) -Wl,--wrap=nanosleep
    STRICT='late=2 slow=3 pauses=5' "$BATS_TEST_TMPDIR/names" >"$BATS_TEST_TMPDIR/names.out"
    grep -qx 'pauses 2 ms' "$BATS_TEST_TMPDIR/names.out"
    grep -qx 'pauses 3 ms' "$BATS_TEST_TMPDIR/names.out"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/names.out")" -gt 5 ]
    lacks -v '^pauses [0-9]* ms$' "$BATS_TEST_TMPDIR/names.out"
}

@test "a SEED that is no number is an error, and plays nothing" {
    for seed in x 0 -3 1.5 08 '1 2' 12345678901; do
        run make -s test STAGE=v1_echo SEED="$seed" 3>&-
        [ "$status" -eq 2 ]
        prints '^run: SEED is a number from 1 to 999999999$'
        run tests/run --stage v1_echo --seed "$seed" 3>&-
        [ "$status" -eq 2 ]
        prints '^run: SEED is a number'
    done
}
