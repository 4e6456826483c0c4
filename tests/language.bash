# The language of the tests and of the demos: subject first.
#
#   the server starts             console says quit        crowd of 200 joins
#   alice joins                   console shows quit       host listens
#   alice says hi                 the server rests         client types hi
#   bob hears hi from alice       the server ends with 0   client ends with 0
#   everyone is settled
#
# Every sentence is an assertion: it returns 1 after noting, for the report,
# what was expected, what was seen, and the class of the failure. Waiting is
# done by tests/peer.c, which has one deadline for everything and gives up at
# once when the server has died. Bytes are written as in C: '\n', '\0', '\xff'.
#
# Needs bash 3.2 and bats 1.8. What a test needs to know comes in variables,
# all set by tests/run:
#   KIT_STAGE     the rung under test                       v4_broadcast
#   KIT_BUILD     the folder with the programs under test   build/kit
#   KIT_RECORDS   where the verdicts go; may be empty
#   KIT_DEADLINE  seconds after which waiting is in vain
#   KIT_AGAIN     what make is to be told to play a test again   test DIR=work
#   KIT_HINTS     what make hint is to be told besides, if anything   DIR=mine

: "${KIT_ROOT:=$(cd "$BATS_TEST_DIRNAME/.." && pwd)}"
: "${KIT_STAGE:=$(basename "$BATS_TEST_FILENAME" .bats)}"
: "${KIT_BUILD:=$KIT_ROOT/build/kit}"
: "${KIT_DEADLINE:=20}"
: "${KIT_RECORDS:=}"
STORY=() # the sentences so far

# --- before and after each test ---

setup() {
    run_goes_on || skip "the run is over"
    CASE=$BATS_TEST_TMPDIR
    be_patient
    STORY=()
    unset STRICT
    TOOK=0
    export PEER_SERVER=$KIT_BUILD/asan/$KIT_STAGE
    export PEER_SERVER_PLAIN=$KIT_BUILD/plain/$KIT_STAGE
    export PEER_CLIENT=$KIT_BUILD/asan/client
    export PEER_DEADLINE=$((KIT_DEADLINE * 1000))
    export ASAN_OPTIONS=detect_leaks=0:abort_on_error=0
    export UBSAN_OPTIONS=halt_on_error=1
    case $KIT_STAGE in
        v1_echo) export PEER_ANSWER=echo ;;
        makefile_fdopen) export PEER_ANSWER=lines ;;
        *) export PEER_ANSWER=stamp ;;
    esac
    # The client is tried with v6_errors as the server.
    [ "$KIT_STAGE" != client ] ||
        PEER_SERVER=$KIT_ROOT/build/kit/asan/v6_errors
    open_stage
}

# A rung that has let three tests wait in vain is not waited for so long again:
# its other verdicts come sooner.
be_patient() {
    local waited=$KIT_RECORDS/$KIT_STAGE.timeouts # grows by a byte each time
    if [ -n "$KIT_RECORDS" ] && [ -f "$waited" ] &&
        [ "$(wc -c <"$waited")" -ge 3 ] && [ "$KIT_DEADLINE" -gt 5 ]; then
        KIT_DEADLINE=5
    fi
}

# tests/run ends us by this file's name if it is interrupted, and takes the
# folder away.
run_goes_on() {
    [ -n "$KIT_RECORDS" ] || return 0
    [ -d "$KIT_RECORDS/live" ] && : >"$KIT_RECORDS/live/$$"
}

# Starts the peer: orders go out on 8, its answers come in on 9. We do not hold
# the writing end of its answers: should it be killed, they end.
open_stage() {
    mkfifo "$CASE/orders" "$CASE/answers"
    exec 8<>"$CASE/orders"
    "$KIT_BUILD/peer" "$CASE" <"$CASE/orders" >"$CASE/answers" \
        2>"$CASE/peer.err" 3>&- 4>&- 8>&- &
    PEER_PID=$!
    exec 9<"$CASE/answers"
    TOKEN=$RANDOM$RANDOM$RANDOM # a program under test cannot speak for the peer
    order token "$TOKEN"
}

# Closing the orders ends the peer, and with it all that it started.
close_stage() {
    exec 8>&-
    wait "$PEER_PID" 2>/dev/null || true
    exec 9>&-
}

# What has been exported since counts from now on.
reopen_stage() {
    close_stage
    rm -f "$CASE/orders" "$CASE/answers"
    open_stage
}

teardown() {
    [ -n "${CASE:-}" ] || return 0
    local verdict=failed class=
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
        report "$class" >"$CASE/full"
        cat "$CASE/full"
    fi
    record "$verdict" "$class"
    [ "$verdict" = passed ] || [ "$verdict" = skipped ]
}

# TOOK is how many seconds the test took, as the peer's clock has it.
note_time() {
    local SAID=0
    order clock tells || SAID=0
    TOOK=$(printf '%d.%03d' $((SAID / 1000)) $((SAID % 1000)))
}

# The log as it is now; a sanitizer that speaks in it is let finish.
finish_log() {
    order server output || return 0
    ! grep -qE '(ERROR|WARNING): (Address|Leak)Sanitizer' "$CASE/log" ||
        order server ends >/dev/null || :
    order server output || :
}

# LeakSanitizer stops the program to look at it, and that may fail: then it is
# not the program that failed.
leak_checker_broke() {
    case $ASAN_OPTIONS in
        detect_leaks=1*)
            grep -q 'LeakSanitizer has encountered a fatal error' "$CASE/log" ;;
        *) return 1 ;;
    esac
}

# A program may go on after an error that only its log tells of.
no_sanitizer_complains() {
    local errors='ERROR: (Address|Leak)Sanitizer|runtime error:'
    [ -z "${LEAKS_JUDGED:-}" ] || errors=${errors/|Leak/}
    if grep -qE "$errors" "$CASE/log"; then
        because sanitizer "All of this came true, but a sanitizer found an error."
        return 1
    fi
}

# One verdict a cell: VERDICT<tab>CLASS<tab>SECONDS, and the report beside it.
record() {
    [ -d "$KIT_RECORDS/live" ] || return 0
    rm -f "$KIT_RECORDS/live/$$"
    local name
    name=$KIT_RECORDS/$KIT_STAGE/$(record_name "$BATS_TEST_DESCRIPTION")
    mkdir -p "$KIT_RECORDS/$KIT_STAGE"
    printf '%s\t%s\t%s\n' "$1" "$2" "$TOOK" >>"$name"
    [ "$2" != timeout ] || echo >>"$KIT_RECORDS/$KIT_STAGE.timeouts"
    [ ! -f "$CASE/full" ] || cp "$CASE/full" "$name.txt"
}

# The file name of a title.
record_name() {
    local title=$1
    printf '%s' "${title//[!a-zA-Z0-9]/_}"
}

# --- failures ---

# because CLASS TEXT...: notes why the test fails; returns 1.
because() {
    printf '%s' "$1" >"$CASE/class"
    shift
    printf '%s\n' "$@" >"$CASE/report"
    return 1
}

# What a class means, in a sentence.
explain() {
    case $1 in
        sigpipe) echo "killed by SIGPIPE: it sent to a client that was gone" ;;
        timeout) echo "timed out" ;;
        bytes) echo "wrong bytes" ;;
        race) echo "ThreadSanitizer saw a data race" ;;
        leak) echo "something was never given back" ;;
        refused) echo "the connection was refused" ;;
        start) echo "the server did not start" ;;
        twice) echo "a descriptor was closed twice" ;;
        unstarted) echo "the server did not start: that comes first" ;;
        flood) echo "ended by the test: it wrote without end" ;;
        memory) echo "ended by the test: it took memory without end" ;;
        forks) echo "ended by the test: it made processes without end" ;;
        closed) echo "the connection was closed too early" ;;
        reset) echo "the connection was reset" ;;
        sanitizer) echo "AddressSanitizer or UBSan stopped it: see the log" ;;
        signal*) echo "killed by signal ${1#signal} ($(kill -l "${1#signal}"))" ;;
        exit*) echo "ended by itself, with status ${1#exit}" ;;
        harness) echo "the test itself is in trouble: not the program's fault" ;;
        *) echo "$1" ;;
    esac
}

report() {
    local i last=$((${#STORY[@]} - 1))
    printf '%s: %s\n' "$KIT_STAGE" "$BATS_TEST_DESCRIPTION"
    for ((i = 0; i < last; i++)); do
        printf '      %s\n' "${STORY[i]}"
    done
    [ "$last" -lt 0 ] || printf '    > %s\n' "${STORY[last]}"
    [ ! -s "$CASE/report" ] || sed 's/^/      /' "$CASE/report"
    [ ! -s "$CASE/peer.err" ] || sed 's/^/      peer: /' "$CASE/peer.err"
    printf '    how:   %s (%s)\n' "$1" "$(explain "$1")"
    if [ -n "$(sanitizer_says)" ]; then
        printf '    log:   what the sanitizer says, first of all\n'
        sanitizer_says | sed 's/^/      | /'
    elif [ -s "$CASE/log" ]; then
        printf '    log:   the last lines that the server wrote\n'
        tr -d '\000' <"$CASE/log" | fold_log | tail -n 15 | cut -c 1-300 | sed 's/^/      | /'
    fi
    printf '    hint:  %s\n' "$(hint "$1")"
    printf "    more:  make hint TEST='%s'%s\n" "$(quoted_title)" "${KIT_HINTS:-}"
    printf "    again: make %s STAGE=%s TEST='%s'\n" "${KIT_AGAIN:-test}" \
        "$KIT_STAGE" "$(quoted_title)"
}

# Of many lines in a row that say who came and went, the last three.
fold_log() {
    awk '
        function flush(    i) {
            if (n > 3) print "(" n - 3 " lines more of joined and left)"
            for (i = n > 3 ? n - 2 : 1; i <= n; i++) print run[i]
            n = 0
        }
        / (joined|left)$/ { run[++n] = $0; next }
        { flush(); print }
        END { flush() }'
}

# The title as a shell wants it between apostrophes.
quoted_title() {
    printf '%s' "$BATS_TEST_DESCRIPTION" | sed "s/'/'\\\\''/g"
}

# What a sanitizer found, and in which lines of the program; not how it got
# there through libraries.
sanitizer_says() {
    [ ! -f "$CASE/log" ] || tr -d '\000' <"$CASE/log" | awk '
        /ERROR:|WARNING: Thread|runtime error:/ { if (++reports > 1) exit }
        reports && (/ERROR:|WARNING:|runtime error:|SUMMARY/ ||
            /(Read|Write|READ|WRITE|read|write) of size|Previous|Location/ ||
            /freed by|allocated by|Thread T[0-9]+ .*created/ ||
            /#[0-9]+ .*\.[ch]:[0-9]+/) && !/sanitizer_common|libsanitizer/' |
        cut -c 1-150 | head -n 30
}

# The row's question, and the place in the notes; but first a program must
# start, and a sanitizer has said where it is.
hint() {
    case ${1:-} in
        start)
            echo "Start it by hand, on port 0: does stderr say \"listening on" \
                "IP:PORT\", at once?"
            return ;;
        sanitizer)
            echo "The first line of yours above is where it broke: what did the" \
                "program take for granted there?"
            return ;;
        exit*)
            echo "Nobody asked it to end: which line did, a return from main, or" \
                "an exit()?"
            return ;;
    esac
    awk -F '\t' -v title="$BATS_TEST_DESCRIPTION" -v stage="$KIT_STAGE" '
        $1 == title { print $2 " (NOTES.md, " ($3 == "" ? stage : $3) ")" }
    ' "$KIT_ROOT/tests/hints.tsv"
}

# --- talking to the peer ---

# order WHO VERB ARGUMENT...: SAID is what comes after its "ok".
order() {
    local IFS=$'\t' answer=
    printf '%s\n' "$*" >&8
    if ! read -r -t $((KIT_DEADLINE * 3 + 60)) answer <&9; then
        because harness "tests/peer is silent: was it killed, by the program" \
            "under test or because the machine has no memory left?"
        return 1
    fi
    if [ "${answer%% *}" != "$TOKEN" ]; then
        because harness "somebody else answers in place of tests/peer: $answer"
        return 1
    fi
    answer=${answer#* }
    SAID=${answer#ok}
    SAID=${SAID# }
    [ "${answer%% *}" != ok ] || return 0
    printf '%s' "${answer#fail }" >"$CASE/class"
    return 1
}

# told SENTENCE: what is being done, for the report (and aloud, in a demo).
told() {
    STORY+=("$*")
}

# A sentence that is in no list is a mistake in the test.
no_such_sentence() {
    because harness "\"$*\" is no sentence of tests/language.bash"
}

# --- sentences ---

alice() { person alice "$@"; }
bob() { person bob "$@"; }
carol() { person carol "$@"; }
dave() { person dave "$@"; }

person() {
    local who=$1
    told "$*"
    shift
    case "$1${2:+ $2}" in
        joins | knocks | leaves | crashes | "crashes unseen" | vanishes)
            order "$who" "$@" ;;
        "joins with") order "$who" joins "$6" ;; # joins with a buffer of BYTES
        "stops reading") order "$who" stops-reading ;;
        "waits for") order "$who" waits-a-second ;; # for the next second
        "half closes") order "$who" half-closes ;;
        "says slowly") order "$who" says-slowly "$3" ;;
        says\ *) order "$who" says "$2" "${3:-1}" ;; # says TEXT [N times]
        "opens the") order "client:$who" starts "$PORT" ;; # the real client
        "types "*) order "client:$who" types "$2\\n" ;;
        "reads "*) order "client:$who" shows "$2\\n" ;;
        "closes the") order "client:$who" types 'quit\n' && ends_with "client:$who" 0 ;;
        "hears at") order "$who" hears-at-last "$4" ;;
        "hears exactly") order "$who" hears "$3" - "${4:-1}" ;;
        hears\ *) # hears TEXT [from WHOM [N times]]
            order "$who" hears "$2" "${4:-$who}" "${5:-1}" ;;
        "floods "*) order "$who" floods "$2" ;;
        "sees the") order "$who" sees-end ;;
        "is let") order "$who" is-let-go ;;
        "is not") order "$who" is-unserved ;;
        "cannot reach")
            order "$who" reaches "$3" || return 1
            [ "$SAID" = no ] ||
                because bytes "expected: no connection to $3" \
                    "seen:     one: does it listen on every address?" ;;
        *) no_such_sentence "$who" "$@" ;;
    esac
}

# crowd of N joins | knocks | greets itself | hears TEXT from WHOM
#            | comes and goes | vanishes
crowd() {
    local n=$2
    told "crowd $*"
    shift 2
    case $1 in
        joins | knocks) order crowd "${1/knocks/fills}" "$n" ;;
        greets) order crowd greets "$n" ;;
        vanishes) order crowd vanishes "$n" ;;
        hears) order crowd hears "$n" "$2" "$4" ;;
        comes) order crowd comes-and-goes "$n" ;;
        *) no_such_sentence crowd of "$n" "$@" ;;
    esac
}

# storm of ROUNDS rounds with PEOPLE people, calm | orderly | wild
storm() {
    told "storm $*"
    order crowd storms "$2" "$5" "${KIT_SEED:-7}" "$7"
}

# the server starts [ARGUMENT...] | lives | rests | ends with STATUS ...
the() {
    told "the $*"
    shift
    local verb=$1
    shift
    case $verb in
        starts)
            [ $# -gt 0 ] || set -- 0
            server_starts "$@" ;;
        restarts) order server starts "$PORT" ;;
        lives | freezes | thaws) order server "$verb" ;;
        gets) order server gets "$1" ;;
        logs) order server logs "$1" ;;
        rests) rests server ;;
        ends) ends_with server "$2" ;;
        *) no_such_sentence the server "$verb" "$@" ;;
    esac
}

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
    if order server starts "$@"; then
        PORT=$SAID
        [ -z "$KIT_RECORDS" ] || : >"$known.starts"
    else
        [ -z "$KIT_RECORDS" ] || [ -e "$known.starts" ] || [ "$*" != 0 ] ||
            [ "$(cat "$CASE/class")" != start ] || : >"$known.never_starts"
        return 1
    fi
}

# rests server|client
rests() {
    order "$1" rests || return 1
    [ "$SAID" != unknown ] ||
        skip "nothing here (no /proc) tells whether a thread sleeps"
}

# everyone is settled: who has joined is in the room, and who has left is out
# of it. The log may say so a moment before; a server at rest has done it. Where
# there is no /proc to tell, the log must do.
everyone() {
    told "everyone $*"
    case $* in
        "is settled") order server rests ;;
        *) no_such_sentence everyone "$@" ;;
    esac
}

# ends_with server|client STATUS
ends_with() {
    order "$1" ends || return 1
    [ "$SAID" != "exit$2" ] || return 0
    local class=$SAID
    because "$class" "expected: it ends with status $2" \
        "seen:     $(explain "$class")"
}

# console says TEXT | types BYTES | shows TEXT | input ends
console() {
    told "console $*"
    case $1 in
        says) order server types "$2\\n" ;;
        types) order server types "$2" ;;
        shows) order server shows "$2" ;;
        input) order server closes-input ;;
        *) no_such_sentence console "$@" ;;
    esac
}

# client starts [ARGUMENT...] | says TEXT | types BYTES | shows TEXT | ends
client() {
    told "client $*"
    local verb=$1
    shift
    case $verb in
        starts) order client starts "$@" ;;
        says) order client types "$1\\n" ;;
        types) order client types "$1" ;;
        shows) order client shows "$1" ;;
        input) order client closes-input ;;
        floods) order client floods "$1" ;;
        rests) rests client ;;
        logs) order client logs "$1" ;;
        ends) ends_with client "$2" ;;
        *) no_such_sentence client "$verb" "$@" ;;
    esac
}

# host: the test's own server, for the client
host() {
    told "host $*"
    case "$1 $2" in
        "listens again") order host listens 127.0.0.1 "$PORT" ;;
        listens\ *) order host listens "${2:-127.0.0.1}" && PORT=$SAID ;;
        "accepts ") order host accepts ;;
        "stops reading") order host stops-reading ;;
        "half closes") order host half-closes ;;
        "disappears ") order host disappears ;;
        "vanishes ") order host vanishes ;;
        "resets "*) order host crashes unseen ;;
        says\ *) order host says "$2" ;;
        hears\ *) order host hears "$2" - ;;
        "sees the") order host sees-end ;;
        "sees a") order host sees-farewell ;;
        *) no_such_sentence host "$@" ;;
    esac
}

# --- what only some machines have ---

# The server under test is the one built with ThreadSanitizer.
with_tsan() {
    local how
    how=$(cat "$KIT_BUILD/tsan.probe" 2>/dev/null || echo no)
    case $how in
        yes) ;;
        no-randomize) export GUARD_NO_RANDOMIZE=1 ;;
        *) skip "ThreadSanitizer does not run here" ;;
    esac
    # A race counts, and nothing else does: not its exit status, no leak.
    export TSAN_OPTIONS=report_thread_leaks=0:report_signal_unsafe=0:exitcode=0
    # The moment after a close() lasts longer than chance would have it.
    export STRICT=slow=3
    PEER_SERVER=$KIT_BUILD/tsan/$KIT_STAGE
    reopen_stage
}

# What the program has not given back at its end counts.
with_leak_check() {
    local how
    how=$(cat "$KIT_BUILD/leak.probe" 2>/dev/null || echo no)
    [ "$how" = yes ] || skip "LeakSanitizer does not run here"
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
    reopen_stage
}

# watched WORD: the program under test runs with this word for tests/strict.c;
# 1 where the linker cannot do that, which is nobody's failure.
watched() {
    [ "$(cat "$KIT_BUILD/strict.probe" 2>/dev/null)" = yes ] || return 1
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
        because leak "expected: nothing that is lost once for each client" \
            "seen:     a leak of $most objects (see the log), after $1 clients"
}

there_is_no_race() {
    told "there is no race"
    order server output
    ! grep -q 'WARNING: ThreadSanitizer: data race' "$CASE/log" ||
        because race "expected: no data race" "seen:     at least one"
}

# needs COMMAND: a tool that a class may have
needs() {
    command -v "$1" >/dev/null 2>&1 || skip "$1 is not installed"
}
