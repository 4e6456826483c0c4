#!/usr/bin/env bats
# language: what the tests' language makes of a mistake in a test: a fault of the
# test that names it, soon, and never a verdict on the program.

load outside.bash

# One row of these, so that all is built.
setup_file() (
    cd "$BATS_TEST_DIRNAME/../.." || exit 1
    outside_of_bats
    for rung in v1_echo v9_poll; do
        make -s test STAGE=$rung TEST='it takes a host and a port' 3>&-
    done
)

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    kit=$PWD
}

# play LINE...: these are a test of v1_echo; its report is in output.
play() {
    play_on v1_echo "$@"
}

# play_on RUNG LINE...: the same of another rung.
play_on() {
    local rung=$1
    shift
    {
        echo "load '$kit/tests/language.bash'"
        echo '@test "one" {'
        printf '    %s\n' "$@"
        echo '}'
    } >"$BATS_TEST_TMPDIR/one.bats"
    KIT_ROOT=$kit KIT_STAGE=$rung run bats "$BATS_TEST_TMPDIR/one.bats" 3>&-
    printf '%s\n' "$output"
}

# says TEXT: it stands in the report.
says() {
    printf '%s\n' "$output" | grep -qF -e "$1"
}

needs_a_broker() {
    command -v redis-server >/dev/null || command -v valkey-server >/dev/null ||
        skip "redis-server is not installed"
}

is_the_tests_fault() {
    [ "$status" -ne 0 ]
    printf '%s\n' "$output" | grep -q 'how: *harness'
    printf '%s\n' "$output" | grep -qF -e "\"$1\""
}

@test "a sentence that is right is played" {
    play 'the server starts' 'alice joins' "alice says '3 times'" \
        "alice hears '3 times'" 'alice leaves'
    [ "$status" -eq 0 ]
}

@test "a sentence is matched to its last word" {
    play 'the server starts' 'alice joins' 'alice sees the moon'
    is_the_tests_fault 'alice sees the moon'
    play 'the server starts' 'alice joins' 'alice is let down'
    is_the_tests_fault 'alice is let down'
    play 'the server starts' 'alice joins' 'alice leaves in a hurry'
    is_the_tests_fault 'alice leaves in a hurry'
    play 'the server starts' 'the server rests a while'
    is_the_tests_fault 'the server rests a while'
    play 'nobody cares'
    is_the_tests_fault 'nobody cares'
}

@test "what is heard exactly has nothing behind it" {
    play 'the server starts' 'alice joins' 'alice says hi' \
        "alice hears exactly 'Your msg = hi'"
    [ "$status" -eq 0 ]
    [ -r /proc/self/stat ] || return 0
    play 'the server starts' 'alice joins' 'alice says hi' \
        "alice hears exactly 'Your msg = h'"
    [ "$status" -ne 0 ]
    printf '%s\n' "$output" | grep -qF '1 byte more than due came behind it'
}

@test "what came behind a long text is shown, and the end of that text" {
    [ -r /proc/self/stat ] || skip "nothing here tells that the server rests"
    play 'the server starts' 'alice joins' "alice says 'Your msg = ' 93 times" \
        "alice hears exactly 'Your msg = ' 93 times"
    [ "$status" -ne 0 ]
    says '11 bytes more than due came behind it'
    printf '%s\n' "$output" | grep -qE 'expected: (Your msg = ){92}Your msg = ?$'
    printf '%s\n' "$output" | grep -qE 'seen: +(Your msg = ){93}Your msg = ?$'
}

@test "an ordinal is a number, and no other word" {
    play 'client calls "connect()" for the nth time'
    is_the_tests_fault 'client calls connect() for the nth time'
}

@test "a text of several words is one word, and no others will do" {
    play 'the server starts' 'alice joins' 'alice says hi to all'
    is_the_tests_fault 'alice says hi to all'
    play 'the server starts' 'alice joins' 'alice says hi many times'
    is_the_tests_fault 'alice says hi many times'
    play 'the server starts' 'alice joins' 'alice hears hi from zorro'
    is_the_tests_fault 'alice hears hi from zorro'
}

@test "a sentence that lacks its end is none" {
    play 'the server starts' 'alice joins' 'alice says'
    is_the_tests_fault 'alice says'
    play 'alice'
    is_the_tests_fault 'alice'
    play 'crowd of 5'
    is_the_tests_fault 'crowd of 5'
}

# Behind the language: what stands in its tables might be wrong, too.
@test "an order that lacks an argument fails, and the peer lives on" {
    play 'order alice says || [ "$(<"$CASE/class")" = harness ]' \
        'order clock tells' 'order alice says'
    is_the_tests_fault 'alice says'
    play 'order server gets'
    is_the_tests_fault 'server gets'
    play 'order crowd storms 10 0 7 calm'
    [ "$status" -ne 0 ]
    printf '%s\n' "$output" | grep -q 'how: *harness'
}

@test "an order that nobody knows fails, and is named" {
    play 'order alice dances on tables'
    is_the_tests_fault 'alice dances on tables'
    play 'order zorro says hi'
    is_the_tests_fault 'zorro says hi'
    play 'order server sings'
    is_the_tests_fault 'server sings'
    play 'order alone'
    is_the_tests_fault 'alone'
}

# v9_poll knows nothing of the others: each server is a room of its own.
@test "servers have names, and each has its own people and log" {
    play_on v9_poll 'server east starts' 'server west starts' \
        'alice joins east' 'bob joins west' 'everyone is settled' \
        'alice says hi' 'alice hears hi' "bob says 'and me?'" \
        "bob hears 'and me?'" 'console of west says quit' \
        'server west ends with 0' 'bob sees the end' 'server east lives' \
        'server east dies' 'server east starts again' 'alice joins east' \
        'alice says again' 'alice hears again' 'server east gets TERM' \
        'server east ends with 0' "the log of east says stopping"
    [ "$status" -eq 0 ]
    play_on v9_poll 'server east starts' 'server west starts' \
        'order deadline is 1000' 'alice joins east' 'bob joins west' 'everyone is settled' \
        'alice says hi' 'bob hears hi from alice'
    [ "$status" -ne 0 ]
    says 'how:   timeout'
    says '--- the log of east:'
    says '--- the log of west:'
    play_on v9_poll 'server south starts'
    is_the_tests_fault 'server south starts'
    play_on v9_poll 'server east starts' 'alice joins south'
    is_the_tests_fault 'alice joins south'
}

@test "when a server with a name dies, each wait for it fails at once" {
    play_on v9_poll 'server east starts' 'server west starts' \
        'alice joins east' 'server east dies' 'alice hears hi'
    [ "$status" -ne 0 ]
    says 'how:   signal9'
    play_on v9_poll 'server east starts' 'alice joins east' \
        'server east dies' 'alice joins east'
    [ "$status" -ne 0 ]
    says 'how:   signal9'
}

@test "one order is what all have heard, and something at all" {
    play_on v9_poll 'server east starts' 'crowd of 4 joins' \
        'everyone is settled'
    [ "$status" -ne 0 ] # nobody has started the plain server
    play_on v9_poll 'server east starts' 'server west starts' \
        'crowd of 4 joins east and west' 'everyone is settled' \
        'alice joins east' 'order deadline is 1000' 'alice says hi' \
        'crowd of 4 has heard one order'
    [ "$status" -ne 0 ]
    says 'crowd0 heard: ['
    says 'crowd1 heard: (nothing)'
    play_on v9_poll 'the server starts' 'crowd of 4 joins' \
        'everyone is settled' 'order deadline is 1000' 'crowd of 4 has heard one order'
    [ "$status" -ne 0 ]
    says 'nobody in the crowd has heard anything'
}

@test "a broker starts, stops answering, goes on, dies, comes back and ends" {
    needs_a_broker
    play 'the broker starts' 'the broker stops answering' \
        'the broker goes on' 'the broker dies' 'the broker starts again' \
        'the broker ends' 'the broker starts again'
    [ "$status" -eq 0 ]
    play 'the broker starts' 'the broker starts again'
    [ "$status" -ne 0 ]
    says 'the broker runs'
    play 'the broker starts again'
    [ "$status" -ne 0 ]
    says 'the broker has never been started'
}

# A class of strangers talks to it.
@test "a broker can be neither configured nor stopped by its clients" {
    needs_a_broker
    for command in 'config set dir /' 'shutdown' 'debug sleep 9' 'flushall'; do
        play 'the broker starts' \
            "exec 7<>/dev/tcp/127.0.0.1/\$BROKER_PORT" \
            "printf '$command\r\n' >&7" 'read -r answer <&7' \
            'case $answer in -[A-Z]*) ;; *) false ;; esac'
        [ "$status" -eq 0 ]
    done
}

@test "a broker ends with its test, however that ends" {
    needs_a_broker
    for end in true false 'the broker stops answering' 'kill -9 $PEER_PID'; do
        rm -f "$BATS_TEST_TMPDIR/port"
        play 'the broker starts' \
            "echo \$BROKER_PORT >'$BATS_TEST_TMPDIR/port'" "$end"
        port=$(<"$BATS_TEST_TMPDIR/port")
        if (exec 7<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "it still listens on port $port"
            return 1
        fi
    done
}

# The small one stands in for a real one: it is not started by the tests.
@test "a Kafka that is there already is used, and never stopped" {
    make -s -f tests/sandbox/programs.mk build/kit/kafka 3>&-
    [ -x build/kit/kafka ] || skip "librdkafka is not installed"
    mkfifo "$BATS_TEST_TMPDIR/input"
    build/kit/kafka <>"$BATS_TEST_TMPDIR/input" >"$BATS_TEST_TMPDIR/kafka" 3>&- &
    until grep -q listening "$BATS_TEST_TMPDIR/kafka"; do
        kill -0 %% # it has not ended
        sleep 0.1
    done
    KAFKA=$(sed 's/listening on //' "$BATS_TEST_TMPDIR/kafka") run tests/run \
        --stage v11_log --rows '^what a client says at one server|away arrives' 3>&-
    kill %% # it still runs
    printf '%s\n' "$output"
    prints '^1 passed, 0 failed, 1 skipped'
    prints 'is not ours to stop'
}

@test "what is lost is told by what comes behind it" {
    room=('the server starts' 'alice joins' 'bob joins' 'everyone is settled')
    play_on v9_poll "${room[@]}" 'alice says one' 'alice says two' \
        'bob hears one from alice before two' 'bob hears two from alice'
    [ "$status" -eq 0 ]
    play_on v9_poll "${room[@]}" 'alice says two' \
        'bob hears one from alice before two'
    [ "$status" -ne 0 ]
    says 'how:   lost'
    play_on v9_poll "${room[@]}" 'alice says three' \
        'bob hears one from alice before two'
    [ "$status" -ne 0 ]
    says 'how:   bytes'
    play_on v9_poll "${room[@]}" 'order deadline is 1000' \
        'bob hears one from alice before two'
    [ "$status" -ne 0 ]
    says 'how:   timeout'
}

# A system may give one port to two who call different servers.
@test "no two people at several servers have one address" {
    play_on v9_poll 'server east starts' 'server west starts' \
        'server north starts' 'crowd of 300 joins east, west and north' \
        'cat "$CASE/peer.err"' 'order server:east output' \
        '[ "$(sed -n "s/.* \(.*\) joined/\1/p" "$CASE/log" | sort | uniq -d)" = "" ]' \
        '[ "$(grep -c joined "$CASE/log")" -eq 300 ]'
    [ "$status" -eq 0 ]
}
