# The language of the tests and of the demos: subject first.
#
#   the server starts             console says quit        crowd of 200 joins
#   alice joins                   console shows quit       host listens
#   alice says hi                 the server rests         client types hi
#   bob hears hi from alice       the server ends with 0   client ends with 0
#   everyone is settled
#
# Where a room has several servers, they are called east, west and north, and a
# broker stands between them:
#
#   the broker starts             server east starts       alice joins east
#   the broker stops answering    server west dies         console of west says quit
#   the broker goes on            server west starts again
#   the broker dies               server east ends with 0
#   the broker starts again       the log of east says 'lost the broker'
#
# On the rungs that need one (tests/needs.tsv) a broker is started for the first
# server that starts without one, and each is told where it is.
#
# Every sentence is an assertion: it returns 1 after noting, for the report,
# what was expected, what was seen, and the class of the failure. Waiting is
# done by tests/peer/, which has one deadline for everything and gives up at
# once when the server has died. Bytes are written as in C: '\n', '\0', '\xff'.
# What one says, and another hears, is a message: from v8 on it gets a newline
# at its end if it has none. So "alice says hi" is a line there, and an empty
# line is "alice says '\n'" on every rung. "alice begins hel" and "alice goes on
# 'lo\n'" send just these bytes.
#
# Needs bash 3.2 and bats 1.8. What a test needs to know comes in variables,
# all set by tests/run:
#   KIT_STAGE     the rung under test                       v4_broadcast
#   KIT_BUILD     the folder with the programs under test   build/kit
#   KIT_TOOLS     the folder with the tests' own tools       build/kit
#   KIT_RECORDS   where the records go; may be empty
#   KIT_BATCH     the file that names the rows played with this one
#   KIT_DEADLINE  seconds after which waiting is in vain
#   KIT_IDLE      the same, in ms, if all programs sleep for good
#   KAFKA         HOST:PORT of a real Kafka, which v11_log's rows are to use
#   KIT_SEED      of what chance decides: the storms, the pauses; 7 if empty
#   KIT_AGAIN     what make is to be told to play a test again   test DIR=work
#   KIT_HINTS     what make hint is to be told besides, if anything   DIR=mine
#   KIT_ROW       a student's row, if that is what is played: see verdict/row.bash

: "${KIT_ROOT:=$(cd "$BATS_TEST_DIRNAME/.." && pwd)}"
: "${KIT_STAGE:=$(basename "$BATS_TEST_FILENAME" .bats)}"
: "${KIT_BUILD:=$KIT_ROOT/build/kit}"
: "${KIT_TOOLS:=$KIT_ROOT/build/kit}"
: "${KIT_DEADLINE:=20}" "${KIT_IDLE:=8000}"
: "${KIT_RECORDS:=}"
: "${KIT_BATCH:=}"
STORY=() # the sentences so far
# shellcheck source=tests/verdict/record.bash
. "$KIT_ROOT/tests/verdict/record.bash"
# shellcheck source=tests/verdict/questions.bash
. "$KIT_ROOT/tests/verdict/questions.bash"
# shellcheck source=tests/sandbox/needs.bash
. "$KIT_ROOT/tests/sandbox/needs.bash"

# --- before and after each test ---

setup() {
    # bats notes the line of each command, to tell where a test failed, and that
    # takes longer than the command. In the language nobody needs it.
    set +T
    run_goes_on || skip "the run is over"
    CASE=$BATS_TEST_TMPDIR
    be_patient
    STORY=()
    USUAL_TZ=${TZ-}
    unset STRICT
    TOOK=0
    PLACE=''
    SEED_PLAYED=${KIT_SEED:-} # with which to play the test again
    BROKER=$(need "$KIT_STAGE" broker) ARGUMENTS=$(need "$KIT_STAGE" arguments)
    export PEER_SERVER=$KIT_BUILD/asan/$KIT_STAGE
    export PEER_SERVER_PLAIN=$KIT_BUILD/plain/$KIT_STAGE
    export PEER_CLIENT=$KIT_BUILD/asan/client
    export PEER_DEADLINE=$((KIT_DEADLINE * 1000))
    export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
    export UBSAN_OPTIONS=halt_on_error=1
    case $KIT_STAGE in
        v1_echo) export PEER_ANSWER=echo ;;
        makefile_fdopen) export PEER_ANSWER=lines ;;
        v8_lines | v9_poll | v1[0-9]_*) export PEER_ANSWER=stamped-lines ;;
        *) export PEER_ANSWER=stamp ;;
    esac
    # The client is tried with v6_errors as the server.
    [ "$KIT_STAGE" != client ] ||
        PEER_SERVER=$KIT_TOOLS/asan/v6_errors
    open_stage
}

# A rung that has let three tests wait in vain is not waited for so long again:
# its other verdicts come sooner. Where three waited for it to start, for
# somebody to join, or for a first answer, each test after them waits 2 s for its
# first of that kind.
be_patient() {
    local kind starts=0 joins=0 answers=0 all=0
    local waited=$KIT_RECORDS/$KIT_STAGE.timeouts
    unset PEER_START_DEADLINE PEER_JOIN_DEADLINE PEER_ANSWER_DEADLINE
    export PEER_IDLE=$KIT_IDLE
    [ -n "$KIT_RECORDS" ] && [ -f "$waited" ] || return 0
    while IFS= read -r kind; do
        all=$((all + 1))
        case $kind in
            'no ready line') starts=$((starts + 1)) ;;
            'no joined line') joins=$((joins + 1)) ;;
            'no answer') answers=$((answers + 1)) ;;
        esac
    done <"$waited"
    [ "$starts" -lt 3 ] || export PEER_START_DEADLINE=2000
    [ "$joins" -lt 3 ] || export PEER_JOIN_DEADLINE=2000
    [ "$answers" -lt 3 ] || export PEER_ANSWER_DEADLINE=2000
    [ "$all" -lt 3 ] || export PEER_IDLE=1000
    [ "$all" -lt 3 ] || [ "$KIT_DEADLINE" -le 5 ] || KIT_DEADLINE=5
}

# If tests/run is interrupted it ends us, whose number it finds in this file, and
# takes the folder away.
run_goes_on() {
    [ -n "$KIT_RECORDS" ] || return 0
    [ -d "$KIT_RECORDS/live" ] && echo "$$" >"$KIT_RECORDS/live/${KIT_BATCH##*/}"
}

# Starts the peer: orders go out on 8, its answers come in on 9. We do not hold
# the writing end of its answers: should it be killed, they end.
open_stage() {
    chmod 700 "$CASE" # the program runs in a folder in it, as another user
    mkfifo -m 600 "$CASE/orders" "$CASE/answers"
    exec 8<>"$CASE/orders"
    "$KIT_TOOLS/peer" "$CASE" <"$CASE/orders" >"$CASE/answers" \
        2>"$CASE/peer.err" 3>&- 4>&- 8>&- &
    PEER_PID=$!
    exec 9<"$CASE/answers"
    BROKER_PORT='' BROKER_AT='' SERVERS=()
    TOKEN=$RANDOM$RANDOM$RANDOM # a program under test cannot speak for the peer
    order token is "$TOKEN"
}

# Closing the orders ends the peer, and with it all that it started.
close_stage() {
    exec 8>&-
    wait "$PEER_PID" 2>/dev/null || true
    exec 9>&-
    # What it has left: a folder that cannot be read would stay for good.
    local home
    for home in "${CASE:?}"/home*; do
        rmdir "$home" 2>/dev/null || {
            chmod -R u+rwx "$home" 2>/dev/null || true
            rm -rf "$home"
        }
    done
}

# What has been exported since counts from now on.
reopen_stage() {
    close_stage
    rm -f "$CASE/orders" "$CASE/answers"
    open_stage
}

teardown() {
    [ -n "${CASE:-}" ] || return 0
    local verdict=failed class=''
    finish_log
    note_time
    if [ -n "${BATS_TEST_SKIPPED:-}" ]; then
        verdict=skipped class=$BATS_TEST_SKIPPED
    elif [ "${BATS_TEST_COMPLETED:-}" = 1 ] && no_sanitizer_complains; then
        verdict=passed
    fi
    close_stage
    [ ! -s "$CASE/class" ] || [ -n "$class" ] || class=$(<"$CASE/class")
    [ "$verdict" != failed ] || : "${class:=harness}"
    ! leak_checker_broke || class=harness
    [ "$class" != harness ] || verdict=error
    if [ "$verdict" = failed ] || [ "$verdict" = error ]; then
        kind_of_failure "$class"
        report "$class" | "$KIT_TOOLS/readable" "$CASE" >"$CASE/full"
        cat "$CASE/full"
        place_of_error "$class"
    fi
    record "$verdict" "$class"
    [ "$verdict" = passed ] || [ "$verdict" = skipped ]
}

# --- talking to the peer ---

# order WHO VERB ARGUMENT...: SAID is what comes after its "ok".
order() {
    local IFS= answer=
    case $* in
        *[$'\t\n']*)
            because harness "an order cannot hold a tab or a newline: write" \
                "them as \\t and \\n"
            return 1 ;;
    esac
    IFS=$'\t'
    printf '%s\n' "$*" >&8
    if ! read -r -t $((KIT_DEADLINE * 3 + 60)) answer <&9; then
        because harness "tests/peer is silent: was it killed, by the program" \
            "under test or because the machine has no memory left?"
        return 1
    fi
    if [ "${answer%% *}" != "$TOKEN" ]; then
        because harness "something else answers in place of tests/peer: $answer"
        return 1
    fi
    answer=${answer#* }
    SAID=${answer#ok}
    SAID=${SAID# }
    [ "${answer%% *}" != ok ] || return 0
    printf '%s' "${answer#fail }" >"$CASE/class"
    return 1
}

# told WORD...: notes a sentence for the report. It sets WORDS to the sentence
# without its subject, which the tables below match. No word in it holds a blank,
# and a long word is cut to its first 40 letters.
told() {
    local word story=
    WORDS=
    for word; do
        story="$story ${word:-''}"
    done
    STORY+=("${story# }")
    shift
    for word; do
        word=${word:0:40}
        word=${word// /_}
        WORDS="$WORDS ${word:-_}"
    done
    WORDS=${WORDS# }
}

# A sentence that is in no table is a mistake in the test.
no_such_sentence() {
    because harness "\"${STORY[${#STORY[@]} - 1]}\" is no sentence of" \
        "tests/language.bash"
}

# forgiving ORDER: it may fail, and nothing is the matter then.
forgiving() {
    order "$@" && return 0
    [ "$(<"$CASE/class")" != harness ] || return 1
    rm -f "$CASE/class" "$CASE/report"
}

# --- sentences ---
#
# The tables are the grammar. A sentence is matched whole, word by word, and
# where TEXT, N, NTH, WHOM or WHERE stands any such word will do. A text of several words is
# one word, as in the shell: alice says 'hi bob'.
shopt -s extglob
TEXT='+([! ])' N='+([0-9])' NTH='+([0-9])@(rd|th)' WHOM='@(alice|bob|carol|dave)'
WHERE='@(east|west|north)'

alice() { person alice "$@"; }
bob() { person bob "$@"; }
carol() { person carol "$@"; }
dave() { person dave "$@"; }

# shellcheck disable=SC2254 # TEXT, N and WHOM are patterns, here and below.
person() {
    local who=$1
    told "$@"
    shift
    case $WORDS in
        joins | knocks | leaves | crashes | vanishes) order "$who" "$1" ;;
        'joins '$WHERE) order "$who" joins 0 "server:$2" ;;
        'joins with a buffer of '$N) order "$who" joins "$6" ;;
        'joins '$WHERE' with a buffer of '$N)
            order "$who" joins "$7" "server:$2" ;;
        'knocks or is refused') forgiving "$who" knocks ;;
        'crashes unseen') order "$who" crashes unseen ;;
        'half closes') order "$who" half-closes ;;
        'stops reading') order "$who" stops-reading ;;
        'reads on') order "$who" reads-on ;;
        skims) order "$who" skims ;; # hears all, and keeps the last of it
        'waits for the next second') order "$who" waits-a-second ;;

        'says '$TEXT) order "$who" says "$2" ;;
        'says '$TEXT' or is cut off') forgiving "$who" says "$2" ;;
        'says '$TEXT' '$N' times') order "$who" says "$2" "$3" ;;
        'says '$TEXT' '$N' times or is cut off')
            forgiving "$who" says "$2" "$3" ;;
        'says slowly '$TEXT) order "$who" says-slowly "$3" ;;
        'begins '$TEXT) order "$who" sends "$2" ;; # a message without its end
        'begins '$TEXT' '$N' times') order "$who" sends "$2" "$3" ;;
        'goes on '$TEXT) order "$who" sends "$3" ;;
        'goes on '$TEXT' '$N' times') order "$who" sends "$3" "$4" ;;
        'floods '$N) order "$who" floods "$2" ;; # megabytes
        'floods '$N' megabyte' | 'floods '$N' megabytes' | \
            'floods '$N' kilobytes')
            order "$who" floods "$2" "$3" ;;
        'talks without end') order "$who" talks-without-end ;; # a line of a MB

        'hears '$TEXT) order "$who" hears "$2" "$who" ;;
        'hears '$TEXT' from '$WHOM) order "$who" hears "$2" "$4" ;;
        'hears '$TEXT' from '$WHOM' before '$TEXT)
            order "$who" hears-before "$2" "$4" "$6" ;;
        'hears '$TEXT' from '$WHOM' '$N' times')
            order "$who" hears "$2" "$4" "$5" ;;
        'hears exactly '$TEXT) order "$who" hears-exactly "$3" ;;
        'hears exactly '$TEXT' '$N' times')
            order "$who" hears-exactly "$3" "$4" ;;
        'hears first '$TEXT' '$N' times') order "$who" hears "$3" - "$4" ;;
        'hears at last '$TEXT) order "$who" hears-at-last "$4" ;;
        'hears all that '$WHOM' floods') order "$who" drinks "$4" ;;
        'hears all that '$WHOM' floods or is let go')
            order "$who" drinks "$4" or-is-let-go ;;
        'is told the right time') is_told_the_right_time "$who" ;;
        'writes down what was heard') order "$who" transcript "$who.heard" ;;
        'sees the end') order "$who" sees-end ;;
        'is let go') order "$who" is-let-go ;;
        'is not served') order "$who" is-unserved ;;
        'cannot reach '$TEXT) cannot_reach "$who" "$3" ;;

        'opens the client') order "client:$who" starts "$PORT" ;; # the real one
        'types '$TEXT) order "client:$who" types "$2\\n" ;;
        'reads '$TEXT) order "client:$who" shows "$2\\n" ;;
        'closes the client')
            order "client:$who" types 'quit\n' && ends_with "client:$who" 0 ;;
        *) no_such_sentence ;;
    esac
}

is_told_the_right_time() {
    local which=''
    order "$1" heard-time || return 1
    case $SAID in # TZ is 5:45 before Greenwich there
        -207[0-9][0-9] | -206[89][0-9]) which=': the time of Greenwich (UTC)' ;;
    esac
    [ "$SAID" = 0 ] ||
        because bytes "expected: the local time of now" \
            "seen:     a time that is $SAID s off$which"
}

cannot_reach() {
    order "$1" reaches "$2" || return 1
    [ "$SAID" = no ] ||
        because bytes "expected: no connection to $2" \
            "seen:     one: does it listen on every address?"
}

# shellcheck disable=SC2254
crowd() {
    told crowd "$@"
    case $WORDS in
        'of '$N' joins') order crowd joins "$2" ;;
        'of '$N' joins in silence') order crowd joins "$2" silently ;;
        'of '$N' joins '$WHERE' and '$WHERE) # one here, one there
            order crowd joins "$2" "server:$4" "server:$6" ;;
        'of '$N' joins east, west and north')
            order crowd joins "$2" server:east server:west server:north ;;
        'of '$N' has heard one order') order crowd agrees "$2" ;;
        'of '$N' knocks') order crowd fills "$2" ;;
        'of '$N' greets itself') order crowd greets "$2" ;;
        'of '$N' hears '$TEXT' from '$WHOM) order crowd hears "$2" "$4" "$6" ;;
        'of '$N' comes and goes') order crowd comes-and-goes "$2" ;;
        'of '$N' vanishes') order crowd vanishes "$2" ;;
        'of '$N' chats, '$N' lines each')
            order crowd chats "$2" "$4" "${KIT_SEED:-7}" ;;
        'of '$N' chats, '$N' lines each, seed '$N)
            order crowd chats "$2" "$4" "$8" ;;
        *) no_such_sentence ;;
    esac
}

# shellcheck disable=SC2254
storm() {
    told storm "$@"
    case $WORDS in
        'of '$N' rounds with '$N' people, calm' | \
            'of '$N' rounds with '$N' people, orderly' | \
            'of '$N' rounds with '$N' people, wild')
            order crowd storms "$2" "$5" "${KIT_SEED:-7}" "$7" ;;
        *) no_such_sentence ;;
    esac
}

# Behind "starts" and "refuses" stand the arguments of the program.
# shellcheck disable=SC2254
the() {
    told the "$@"
    case $WORDS in
        'server starts') server_starts 0 ;;
        'server starts on a terminal') server_starts +tty 0 ;;
        'server starts with pauses') starts_with_pauses ;;
        'server starts with '$N' descriptors') server_starts +nofile="$4" 0 ;;
        'server starts without sanitizers') server_starts +plain 0 ;;
        'server starts without sanitizers, with '$N' descriptors')
            server_starts +plain +nofile="$6" 0 ;;
        'server starts without sanitizers, in '$N' MB of address space')
            server_starts +plain +address="$6" 0 ;;
        'server starts '*) server_starts "${@:3}" ;;
        'server tries to start without an argument') server_tries_to_start ;;
        'server restarts') start_server server "$PORT" ;;
        'server refuses '*) server_refuses "${@:3}" ;;
        'server is asked for help') order server refuses -h ;;
        'broker starts') broker_is_ours && broker_starts ;;
        'broker starts with '$N' KB of memory')
            broker_starts --maxmemory "${4}kb" --maxmemory-policy noeviction ;;
        'broker starts with a buffer of '$N' MB for a slow server')
            broker_starts --client-output-buffer-limit pubsub "${7}mb" 0 0 ;;
        'broker stops answering') broker_is_ours && order broker freezes ;;
        'broker goes on') order broker thaws ;;
        'broker dies') broker_is_ours && broker_dies ;;
        'broker starts again') broker_starts_again ;;
        'broker ends') order broker gets TERM && order broker ends ;;
        'log of '$WHERE' says '$TEXT) log_says "server:$3" "$5" ;;
        'server lives') order server lives ;;
        'server freezes') order server freezes ;;
        'server thaws') order server thaws ;;
        'server rests') rests server ;;
        'server gets INT' | 'server gets TERM' | 'server gets KILL')
            order server gets "$3" ;;
        'server logs that '$WHOM' left') order "$4" is-logged-left ;;
        'server logs '$TEXT) order server logs "$3" ;;
        'server ends with '$N) ends_with server "$4" ;;
        'server ends at quit '$N' times, with pauses') quits_with_pauses "$5" ;;
        'server ends at quit '$N' times, with pauses, as '$N' knock')
            quits_with_pauses "$5" "${10}" ;;
        'server is weighed') weigh && WEIGHED=$SAID ;;
        'server has grown by less than '$N' KiB') has_grown_by_less_than "$7" ;;
        'server stays idle') stays_idle ;;
        'server log is read') order server output ;; # and is in $CASE/log
        'server threads are counted') order server threads ;;
        'server descriptors are counted') order server descriptors ;;
        'client output is read') order client output ;; # in $CASE/out and err
        'last of a crowd of '$N' is let go')
            order "crowd$(($6 - 1))" is-let-go ;;
        *) no_such_sentence ;;
    esac
}

# One of several: east, west or north.
# shellcheck disable=SC2254
server() {
    told server "$@"
    case $WORDS in
        $WHERE' starts') start_named "$1" ;;
        $WHERE' starts with '$N' descriptors') start_named "$1" +nofile="$4" ;;
        $WHERE' starts in the room '$TEXT) start_named "$1" -r "$6" ;;
        $WHERE' starts again') start_server "server:$1" "$(port_of "$1")" ;;
        $WHERE' lives') order "server:$1" lives ;;
        $WHERE' dies') order "server:$1" dies ;;
        $WHERE' freezes') order "server:$1" freezes ;;
        $WHERE' thaws') order "server:$1" thaws ;;
        $WHERE' gets INT' | $WHERE' gets TERM') order "server:$1" gets "$3" ;;
        $WHERE' stays idle') stays_idle "server:$1" ;;
        $WHERE' ends with '$N) ends_with "server:$1" "$4" ;;
        *) no_such_sentence ;;
    esac
}

# newcomers hear the last N lines: of before, where a rung can do that
# shellcheck disable=SC2034,SC2254
newcomers() {
    told newcomers "$@"
    case $WORDS in
        'hear the last '$N' lines')
            [ -z "$ARGUMENTS" ] || ARGUMENTS="-l $4" ;;
        *) no_such_sentence ;;
    esac
}

# everyone is settled: who has joined is in the room, and who has left is out
# of it. The log may say so a moment before; a server at rest has done it. Where
# there is no /proc to tell, the log must do.
everyone() {
    told everyone "$@"
    case $WORDS in
        'is settled') order "${SERVERS[0]:-server}" rests ;;
        *) no_such_sentence ;;
    esac
}

# nobody reads the console: what the server prints there stays in the pipe
nobody() {
    told nobody "$@"
    case $WORDS in
        'reads the console') order server stops-reading ;;
        *) no_such_sentence ;;
    esac
}

# shellcheck disable=SC2254
console() {
    told console "$@"
    case $WORDS in
        'says '$TEXT) order server types "$2\\n" ;;
        'types '$TEXT) order server types "$2" ;;
        'answers hello') # and has said all that it has to say
            order server types 'hello\n' && order server answers ;;
        'counts the threads') counts_the_threads ;;
        'shows no prompt') shows_no_prompt ;;
        'lists '$WHOM | 'lists '$WHOM' and '$WHOM)
            order server types 'who\n' && order server lists "$2" ${4:+"$4"} ;;
        'shows '$TEXT) order server shows "$2" ;;
        'input ends') order server closes-input ;;
        'of '$WHERE' says '$TEXT) order "server:$2" types "$4\\n" ;;
        *) no_such_sentence ;;
    esac
}

# The number on the console is the one that the system knows.
counts_the_threads() {
    rests server && order server threads && local threads=$SAID
    order server types 'hello\n' && order server counts "$threads"
}

shows_no_prompt() {
    order server types 'hello\n' && order server answers || return 1
    ! grep -q '^>' "$CASE/told" ||
        because bytes "expected: no prompt" "seen:     $(<"$CASE/told")"
}

# shellcheck disable=SC2254
client() {
    told client "$@"
    case $WORDS in
        'starts on a terminal') order client starts +tty "$PORT" ;;
        starts | 'starts '*) order client "$@" ;;
        'says '$TEXT) order client types "$2\\n" ;;
        'types '$TEXT) order client types "$2" ;;
        'shows '$TEXT) order client shows "$2" ;;
        'input ends') order client closes-input ;;
        'floods '$N) order client floods "$2" ;; # megabytes
        rests) rests client ;;
        'logs '$TEXT) order client logs "$2" ;;
        'calls connect() for the '$NTH' time')
            order client logs "connect() number ${5%??}," ;;
        'ends with '$N) ends_with client "$3" ;;
        'ends with an error') ends_with_an_error ;;
        *) no_such_sentence ;;
    esac
}

# By itself, and with whatever status but 0.
ends_with_an_error() {
    order client ends || return 1
    case $SAID in
        exit0) ;;
        exit*) return 0 ;;
    esac
    because "$SAID" "expected: it ends with a status that is not 0" \
        "seen:     $(explain "$SAID")"
}

# The host is the server that the test plays when the client is under test.
# shellcheck disable=SC2254
host() {
    told host "$@"
    case $WORDS in
        listens) order host listens && PORT=$SAID ;;
        'listens again') order host listens 127.0.0.1 "$PORT" ;;
        'listens '$TEXT) order host listens "$2" && PORT=$SAID ;; # TEXT: an IP
        accepts | disappears | vanishes) order host "$1" ;;
        'stops reading') order host stops-reading ;;
        'half closes') order host half-closes ;;
        'resets it') order host crashes unseen ;;
        'says '$TEXT) order host says "$2" ;;
        'hears '$TEXT) order host hears "$2" - ;;
        'sees the end') order host sees-end ;;
        'sees a farewell') order host sees-farewell ;;
        *) no_such_sentence ;;
    esac
}

# --- what is behind some of them ---

# One that has never started will not now: that is told once, not waited for
# in every test.
server_starts() {
    local known=$KIT_RECORDS/$KIT_STAGE
    [ "$KIT_STAGE" != client ] || [ -x "$PEER_SERVER" ] ||
        skip "this kit has no v6_errors, the room to chat in"
    if [ -n "$KIT_RECORDS" ] && [ -e "$known.never_starts" ]; then
        because unstarted "It did not start in the tests before this one."
        return 1
    fi
    if start_server server "$@"; then
        PORT=$SAID
        [ -z "$KIT_RECORDS" ] || : >"$known.starts"
    else
        [ -z "$KIT_RECORDS" ] || [ -e "$known.starts" ] || [ "$*" != 0 ] ||
            [ "$(cat "$CASE/class")" != start ] || : >"$known.never_starts"
        return 1
    fi
}

# Its threads pause now and then, see sandbox/strict.c, if the linker here can do
# that; SEED_PLAYED is for the report.
starts_with_pauses() {
    [ "$(cat "$KIT_TOOLS/strict.probe" 2>/dev/null)" = yes ] ||
        { server_starts 0; return; }
    SEED_PLAYED=${KIT_SEED:-7}
    server_starts "+pauses=$SEED_PLAYED" 0
}

# start_server SERVER ARGUMENT...: where a rung needs a broker there is one then,
# and the server is told where.
start_server() {
    local who=$1
    shift
    if [ -n "$BROKER" ]; then
        has_broker || return
        # shellcheck disable=SC2086 # Each word is an argument.
        set -- -b "$BROKER_AT" $ARGUMENTS "$@"
    fi
    order "$who" starts "$@"
}

# KAFKA=HOST:PORT is one that is there already: on it each test has a room of its
# own, which stays there.
has_broker() {
    if [ -n "$BROKER_AT" ]; then
        return 0
    elif [ "$BROKER" = kafka ] && [ -n "${KAFKA:-}" ]; then
        BROKER_AT=$KAFKA ARGUMENTS="$ARGUMENTS -r kit-$$-$RANDOM$RANDOM"
    else
        broker_starts
    fi
}

broker_is_ours() {
    [ "$BROKER" != kafka ] || [ -z "${KAFKA:-}" ] ||
        skip "the broker at $KAFKA is not ours to stop"
}

# start_named NAME [+WORD...]: SERVERS are those that have been started, and the
# file port.NAME holds the port of each.
start_named() {
    local name=$1
    shift
    SERVERS[${#SERVERS[@]}]=server:$name
    start_server "server:$name" "$@" 0 || return
    echo "$SAID" >"$CASE/port.$name"
}

port_of() {
    cat "$CASE/port.$1"
}

# A server that is asked for help needs no broker, and one that is told of one is
# told of no other.
server_refuses() {
    case $BROKER:${1:-} in
        :* | *:-h | *:-b) ;;
        *)
            has_broker || return
            set -- -b "$BROKER_AT" "$@" ;;
    esac
    order server refuses "$@"
}

# log_says SERVER TEXT: what a broker does is found out in some seconds, and those
# that have lost it try less and less often to find it again.
log_says() {
    local status=0
    order deadline is 40000
    order "$1" logs "$2" || status=1
    order deadline is "$PEER_DEADLINE" || status=1
    return "$status"
}

# refuses_naming WORD [ARGUMENT...]: it ends by itself, not with 0 and not by a
# signal, and its stderr, which is short, holds WORD.
refuses_naming() {
    local word=$1
    shift
    the server refuses "$@"
    case $SAID in
        exit0) because exit0 "expected: an exit status that is not 0" ;;
        exit*) ;;
        *) because "$SAID" "expected: an error message, and exit status 1" ;;
    esac
    grep -qi -e "$word" "$CASE/log" ||
        because bytes "expected: \"$word\" in the message" \
            "seen:     $(<"$CASE/log")"
    [ "$(wc -l <"$CASE/log")" -le 3 ] ||
        because bytes "expected: a short message" "seen:     $(<"$CASE/log")"
}

# broker_starts [OPTION...]: it keeps nothing, and whoever talks to it can neither
# configure nor stop it. As a program under test it is a user of its own, in a
# folder of its own.
broker_starts() {
    local broker=${BROKER:-redis-server} program
    program=$(broker_program "$broker") || skip "$broker is not installed"
    [ "$broker" != redis-server ] || set -- --port PORT --bind 127.0.0.1 \
        --save '' --user default on nopass '~*' '&*' +@all -@admin -@dangerous "$@"
    order broker starts "$program" "$@" || return
    # shellcheck disable=SC2034 # The rows name it.
    BROKER_PORT=$SAID
    BROKER_AT=127.0.0.1:$SAID
}

# Kafka keeps its log on a disk, ours in its memory: so it only cuts everybody
# off, and takes nobody, as one that is dead.
broker_dies() {
    if [ "$BROKER" = kafka ]; then
        order broker types 'down\n' && order broker shows 'down\n'
    else
        order broker dies
    fi
}

broker_starts_again() {
    if [ "$BROKER" = kafka ]; then
        order broker types 'up\n' && order broker shows 'up\n'
    else
        order broker restarts
    fi
}

# quits_with_pauses TIMES [KNOCK]: each time its threads pause elsewhere, see
# sandbox/strict.c, and so many knock. SEED_PLAYED is for the report.
quits_with_pauses() {
    local given=$SEED_PLAYED first=${KIT_SEED:-7} i
    [ "$(cat "$KIT_TOOLS/strict.probe" 2>/dev/null)" = yes ] || return 0
    for ((i = 0; i < $1; i++)); do
        SEED_PLAYED=$((first + i))
        start_server server "+pauses=$SEED_PLAYED" 0 && order server rests &&
            { [ -z "${2:-}" ] || order crowd fills "$2"; } &&
            order server types 'quit\n' && ends_with server 0 &&
            { [ -z "${2:-}" ] || order crowd vanishes "$2"; } || return 1
    done
    SEED_PLAYED=$given
}

# The port that it takes then may be somebody else's: that is no failure.
server_tries_to_start() {
    start_server server && return 0
    [ "$(<"$CASE/class")" = start ] || return 1
    rm -f "$CASE/class" "$CASE/report"
}

# SAID is how many KiB of memory the server has.
weigh() {
    order server memory || return 1
    [ "$SAID" -gt 0 ] ||
        skip "this machine has no /proc to tell how much memory a program has"
}

# has_grown_by_less_than N: KiB, since it was weighed
has_grown_by_less_than() {
    weigh || return 1
    [ $((SAID - WEIGHED)) -lt "$1" ] ||
        because size "expected: less than $1 KiB more than before" \
            "seen:     $((SAID - WEIGHED)) KiB more ($WEIGHED KiB, now $SAID)"
}

# stays_idle [SERVER]: in two seconds it uses the processor for less than 50 ms.
stays_idle() {
    order "${1:-server}" works-for 2000 || return 1
    [ "$SAID" -ge 0 ] ||
        skip "this machine has no /proc to tell how much of the processor a program uses"
    [ "$SAID" -lt 50 ] ||
        because spins "expected: less than 50 ms of processor time in 2 s" \
            "seen:     $SAID ms, with nothing to do: does poll() return" \
            "          at once, again and again?"
}

# rests server|client
rests() {
    order "$1" rests || return 1
    [ "$SAID" != unknown ] ||
        skip "this machine has no /proc to tell when a thread sleeps"
}

# ends_with server|client STATUS
ends_with() {
    order "$1" ends || return 1
    [ "$SAID" != "exit$2" ] || return 0
    local class=$SAID
    because "$class" "expected: it ends with status $2" \
        "seen:     $(explain "$class")"
}

# --- what only some machines have ---

# with_tsan [pauses]: the server under test is the one built with
# ThreadSanitizer, and its threads pause now and then.
with_tsan() {
    local how
    how=$(cat "$KIT_TOOLS/tsan.probe" 2>/dev/null || echo no)
    case $how in
        yes) ;;
        no-randomize) export GUARD_NO_RANDOMIZE=1 ;;
        *) skip "ThreadSanitizer does not run here" ;;
    esac
    # A race counts, and nothing else does: not its exit status, no leak.
    export TSAN_OPTIONS=report_thread_leaks=0:report_signal_unsafe=0:exitcode=0
    # The moment after a close() lasts longer than chance would have it.
    export STRICT=slow=3
    [ -z "${1:-}" ] || STRICT="slow=3 pauses=${SEED_PLAYED:=7}"
    PEER_SERVER=$KIT_BUILD/tsan/$KIT_STAGE
    reopen_stage
}

# What the program has not given back at its end counts.
with_leak_check() {
    local how
    how=$(cat "$KIT_TOOLS/leak.probe" 2>/dev/null || echo no)
    [ "$how" = yes ] || skip "LeakSanitizer does not run here"
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
    reopen_stage
}

# watched WORD: the program under test runs with this word for strict.c; 1 where
# the linker cannot do that, which is nobody's failure.
watched() {
    [ "$(cat "$KIT_TOOLS/strict.probe" 2>/dev/null)" = yes ] || return 1
    export STRICT=$1
    reopen_stage
}

# no_client_leaked N: the server ends, and what each of N clients had has been
# given back; N/2 will do, for the leak checker may overlook some. What is left
# behind once, as by getline() or getaddrinfo(), is the program's own.
no_client_leaked() {
    local most
    told "no client leaves memory behind"
    LEAKS_JUDGED=yes
    order server ends
    case $SAID in
        exit0 | leak) ;;
        *) because "$SAID" "expected: it ends with status 0" \
            "seen:     $(explain "$SAID")" ;;
    esac
    order server output
    most=$(sed -n 's/.*leak of .* in \([0-9]*\) object.*/\1/p' "$CASE/log" |
        sort -n | tail -n 1)
    [ "${most:-0}" -lt $(($1 / 2)) ] ||
        because leak "expected: nothing that leaks for each client" \
            "seen:     a leak of $most objects (see the log), after $1 clients"
}

# With "watched closes": strict.c tells of it in the log.
none_is_closed_twice() {
    told "no descriptor is closed twice"
    order server output
    ! grep 'closed twice' "$CASE/log" >"$CASE/twice" ||
        because twice "expected: each descriptor is closed once" \
            "seen:     $(sed 's/^strict: //' "$CASE/twice" | sort -u)"
}

there_is_no_race() {
    told "there is no race"
    order server output
    ! grep -q 'WARNING: ThreadSanitizer: data race' "$CASE/log" ||
        because race "expected: no data race" "seen:     at least one"
}

# needs_descriptors N: we, and the server, may have so many open.
needs_descriptors() {
    order descriptors allowed
    [ "$SAID" -ge "$1" ] ||
        skip "only $SAID descriptors are allowed here (ulimit -Hn), of $1"
}

# Ctrl-C reaches who has a terminal of its own, and not through each sandbox.
needs_a_terminal() {
    order server has-terminal
    [ "$SAID" != no ] || skip "no program gets a terminal of its own here"
}

# needs COMMAND: a tool that a class may have
needs() {
    command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed"
}
