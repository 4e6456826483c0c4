#!/usr/bin/env bats
# trace: stories are played on each rung, and drawn; and what is drawn is so.
#
# shellcheck disable=SC2154 # run sets output and status.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    outside_of_bats
    export KIT_BUILDS=$work/builds TMPDIR=$work
    command -v python3 >/dev/null || skip "python3 is not installed"
}

# traced RUNG STORY [ARGUMENT...]: plays it, and holds the picture against the
# notes. Leaves the file's beginning in it.
traced() {
    it=build/trace/$1-$2
    run tools/trace "$@" --raw 3>&-
    echo "$output"
    case $status in 3) skip "$output" ;; esac
    [ "$status" -eq 0 ]
    is_true
}

# is_true: what is drawn of $it was noted.
is_true() {
    python3 -B tests/grader/trace_facts.py "$it"
}

# kills NAME: the program of the story that it tells died of this signal.
dies_of() {
    prints "the server has ended: $1\$"
    prints "never returns"
}

@test "the second client waits for main, which waits for the first (v1)" {
    traced v1_echo waits
    prints 'bob has spoken, and the words wait to be read; main, which is to read them, is in recv\(\), waiting for alice to speak'
    prints 'bob +hears "me too"'
    traced makefile_fdopen waits
    prints 'main, which is to read them, is in getline\(\), waiting for alice to speak'
}

@test "nobody hears quit: a thread waits for a newcomer, one for alice (v2, v3)" {
    traced v2_threads quit
    prints 'after quit the program goes on: .*accept is in accept\(\), waiting for somebody to come; alice.s thread is in recv\(\), waiting for alice to speak'
    traced v3_event quit
    prints 'after quit the program goes on: .*accept is in accept\(\), waiting for somebody to come; alice.s thread is in recv\(\), waiting for alice to speak'
    prints 'the server has ended: exit status 0$'
}

@test "quit reaches all but the thread in accept() (v4, v5)" {
    for rung in v4_broadcast v5_locks; do
        traced "$rung" quit
        prints 'after quit the program goes on: .*accept is in accept\(\), waiting for somebody'
        prints_not "goes on: .*alice's thread"
        prints 'the server has ended: exit status 0$'
    done
}

@test "quit ends it at once (v6 to v9)" {
    for rung in v6_errors v7_queue v8_lines v9_poll; do
        traced "$rung" quit
        prints_not 'after quit the program goes on'
        prints 'the server has ended: exit status 0$'
    done
}

@test "one leaves: send() to who has left ends v4, and v5 goes on" {
    traced v4_broadcast leave
    prints "alice's thread is in send\(\) to bob, who has left: SIGPIPE ends the program"
    dies_of SIGPIPE
    traced v5_locks leave
    prints 'alice +hears "two"'
    prints_not SIGPIPE
}

@test "one crashes: send() to who has crashed ends v5, and v6 goes on" {
    traced v5_locks crash
    prints "alice's thread is in send\(\) to bob, who has crashed: SIGPIPE ends the program"
    dies_of SIGPIPE
    traced v6_errors crash
    prints 'alice +hears "is bob well\?"'
    prints_not SIGPIPE
}

@test "one does not read: all wait for the lock, whose holder waits for her (v5, v6)" {
    for rung in v5_locks v6_errors; do
        traced "$rung" stall
        prints "^  alice's thread waits for the lock; bob's thread holds it, in send\(\) to carol, who does not read \([0-9]+ ms\)"
        grep -q '<text class="fact".*① alice.*② bob.*③ carol, who does not read' "$it.svg"
    done
}

@test "one does not read: nobody waits for her, and she is let go (v7 to v9)" {
    for rung in v7_queue v8_lines v9_poll; do
        traced "$rung" stall
        prints 'lets carol go, who does not read'
        prints 'alice +(hears|has heard) "is anybody there\?"'
    done
}

@test "fifty talk, each with a thread, or all with one (v6 to v9)" {
    for rung in v6_errors v7_queue v8_lines; do
        traced "$rung" fifty
        prints '50 threads have begun, one for each client'
        grep -q '>50 threads,<' "$it.svg"
    done
    traced v9_poll fifty
    prints 'main alone sends'
}

@test "a storm (v6), and three people talk (v4 to v9)" {
    traced v6_errors storm
    prints 'the server has ended: exit status 0$'
    for rung in v4_broadcast v5_locks v6_errors v7_queue v8_lines v9_poll; do
        traced "$rung" chat
        prints 'carol +hears "hi all"'
        grep -q 'data-hear="carol" data-from="alice"' "$it.svg"
    done
}

@test "a story of make demo can be drawn, too" {
    traced v3_event demo
    prints 'the console says "quit"'
}

@test "every story has a test here" {
    make -s trace >"$work/list" 3>&-
    sed -n 's/.*STAGE=\([^ ]*\) STORY=\([^ ]*\) .*/\1 \2/p' "$work/list" |
        grep -v ' demo$' >"$work/stories"
    [ "$(wc -l <"$work/stories")" -ge 25 ]
    while read -r rung story; do
        awk -v rung="$rung" -v story="$story" '
            /^@test/ { rungs = "" }
            /for rung in/ { rungs = $0 }
            $1 == "traced" && $3 == story &&
                ($2 == rung || index($2, "$rung") && index(rungs, rung)) { found = 1 }
            END { exit !found }' tests/grader/trace.bats || {
            echo "no test plays $story of $rung"
            return 1
        }
    done <"$work/stories"
}

@test "a rung, a story or a folder that is not there is named" {
    run tools/trace v6_errors stal 3>&-
    [ "$status" -eq 2 ]
    prints "v6_errors has no story 'stal'"
    prints 'make trace STAGE=v6_errors STORY=stall '
    run tools/trace v66 stall 3>&-
    [ "$status" -eq 2 ]
    prints 'v66 is no rung'
    run tools/trace v10_pubsub 3>&-
    [ "$status" -eq 2 ]
    prints 'no story of v10_pubsub'
    mkdir -p "$work/empty/v6_errors"
    run tools/trace v6_errors stall --dir "$work/empty" 3>&-
    [ "$status" -eq 1 ]
    prints 'there is no v6_errors with a .c file in it'
}

@test "where work has no such rung, ours is traced, and that is said" {
    mkdir "$work/mine"
    traced v1_echo waits --dir "$work/mine"
    prints '^\(There is no v1_echo in .*: this is ours'
    lacks 'your v1_echo' "$it.svg"
    run tools/trace --dir "$work/none" 3>&-
    [ "$status" -eq 0 ]
    prints 'make trace STAGE=v6_errors STORY=stall '
}

# --- a student's program ---

# A v5_locks in $work/mine, in which an awk program has changed something.
mine() {
    mkdir -p "$work/mine/v5_locks"
    awk "$1" v5_locks/server.c >"$work/mine/v5_locks/server.c"
    lacks -q "^mine" "$work/mine/v5_locks/server.c"
    ! cmp -s v5_locks/server.c "$work/mine/v5_locks/server.c"
}

@test "it hangs: a thread has ended, and not given the lock back" {
    mine '/^static void leave/ { on = 1 }
        on && /pthread_mutex_unlock/ { on = 0; next } { print }'
    traced v5_locks leave --dir "$work/mine"
    prints "alice's thread waits for the lock; bob's thread took it, and has ended without giving it back"
    prints 'did not do what the story asks, first at: alice hears one'
    grep -q '>your v5_locks, the story leave' "$it.svg"
}

@test "it hangs: a thread waits for a lock that it holds itself" {
    mine '{ print } /^static void broadcast/ { on = 1 }
        on && /pthread_mutex_lock/ { on = 0; print }'
    traced v5_locks crash --dir "$work/mine"
    prints "alice's thread waits for the lock, which it holds itself"
}

@test "what does not compile is not traced" {
    mkdir -p "$work/mine/v5_locks"
    echo 'int main(void) { return nothing; }' >"$work/mine/v5_locks/server.c"
    run tools/trace v5_locks crash --dir "$work/mine" 3>&-
    [ "$status" -eq 1 ]
    prints "error: .*nothing"
    prints 'v5_locks does not compile'
}

# It writes markup and noise into the notes of its own calls, and to its people.
@test "a program that forges its notes breaks no picture, and gets no text in" {
    mkdir -p "$work/mine/v5_locks"
    cp tests/hostile/forges_its_trace.c "$work/mine/v5_locks/server.c"
    run tools/trace v5_locks crash --dir "$work/mine" --raw 3>&-
    echo "$output"
    [ "$status" -ne 3 ] || skip "$output"
    [ "$status" -eq 0 ]
    prints 'the server has ended: SIGABRT'
    prints_not 'Traceback|<script|'$'\033'
    grep -q '<script' build/trace/v5_locks-crash.calls # it has had its try
    grep -q '<script' build/trace/v5_locks-crash.people
    no_markup build/trace/v5_locks-crash
    lacks -l '<script' build/trace/v5_locks-crash.svg build/trace/v5_locks-crash.txt
    run nobody_in "$work"
    [ "$status" -eq 0 ]
}

# no_markup BASE: the picture is one, and holds no script.
no_markup() {
    python3 -c 'import sys, json, xml.dom.minidom as dom
svg = dom.parse(sys.argv[1] + ".svg")
assert not svg.getElementsByTagName("script"), "there is a script in it"
json.load(open(sys.argv[1] + ".json"))' "$1"
}

@test "what is said is data, whatever it is" {
    traced v6_errors crash
    sed 's,is bob well?,</svg><script>\x22\x27\&<b>,' "$it.people" \
        >"$work/said.people"
    cp "$it.calls" "$work/said.calls"
    grep -q 'says.*<script>' "$work/said.people"
    python3 -B tools/tracing/picture.py "$work/said" "$work/said" '<b>&"rung' \
        "<i>'" '</title><script>'
    no_markup "$work/said"
    grep -q 'says "</svg><script>' "$work/said.txt"
}

@test "the report of a failure names the story that shows it, and that one can be drawn" {
    mine '/^static void leave/ { on = 1 }
        on && /pthread_mutex_unlock/ { on = 0; next } { print }'
    KIT_FLAVOURS=asan run tests/run --dir "$work/mine" --stage v5_locks \
        --test 'a client that leaves does not take the room down' 3>&-
    echo "$output"
    prints "^    draw:  make trace DIR=$work/mine STAGE=v5_locks STORY=leave\$"
    while IFS=$'\t' read -r title story; do
        case $title in '#'*) continue ;; esac
        cut -f 1 tests/matrix.tsv | grep -qxF -e "$title"
        grep -q "^$story|" tools/tracing/stories.bash
    done <tools/tracing/rows.tsv
}

# nobody_in FOLDER: no process has its home there. It may take a moment to go.
nobody_in() {
    local i found
    [ -d /proc/self ] || skip "there is no /proc to tell"
    for ((i = 0; i < 300; i++)); do
        found=$(for one in /proc/[0-9]*; do
            case $(readlink "$one/cwd" 2>/dev/null) in
                "$1"/trace.*/home*) echo "$one" ;;
            esac
        done)
        [ -n "$found" ] || return 0
        sleep 0.1
    done
    echo "still there: $found"
    return 1
}

@test "interrupted in the middle of a story it leaves no process and no folder" {
    tools/trace v6_errors stall >"$work/out" 2>&1 3>&- &
    trace=$!
    until grep -qs 'order	floods' "$work"/trace.*/trace.people; do
        kill -0 "$trace" || { cat "$work/out"; return 1; }
        sleep 0.05
    done
    kill "$trace" 2>/dev/null || true
    wait "$trace" || true
    nobody_in "$work"
    [ -z "$(ls -d "$work"/trace.* 2>/dev/null)" ]
}

# --- the library ---

@test "a program does not find out that it is traced" {
    make -s -f tests/sandbox/programs.mk build/kit/trace.so 3>&- ||
        skip "the library does not build here"
    cp tests/grader/trace_unseen.c "$work/unseen.c"
    cc -std=gnu11 -pthread -o "$work/unseen" "$work/unseen.c"
    "$work/unseen" >"$work/alone" 2>&1
    truncate -s 1M "$work/notes"
    LD_PRELOAD=$PWD/build/kit/trace.so TRACE_FD=9 "$work/unseen" \
        >"$work/traced" 2>&1 9<>"$work/notes"
    diff "$work/alone" "$work/traced"
    head -c 8 "$work/notes" | grep -q KITTRACE
    # And where the file is full, or none is there, it just runs.
    truncate -s 0 "$work/full" && truncate -s 4160 "$work/full"
    LD_PRELOAD=$PWD/build/kit/trace.so TRACE_FD=9 "$work/unseen" \
        >"$work/traced" 2>&1 9<>"$work/full"
    diff "$work/alone" "$work/traced"
    LD_PRELOAD=$PWD/build/kit/trace.so "$work/unseen" >"$work/traced" 2>&1
    diff "$work/alone" "$work/traced"
}

# --- the check itself ---

# told_from EDIT: the picture of a story in which sed has changed something.
told_from() {
    sed "$1" "$it.svg" >"$work/other.svg"
    if cmp -s "$it.svg" "$work/other.svg"; then
        echo "nothing to change: $1"
        return 1
    fi
    cp "$it.calls" "$work/other.calls"
    cp "$it.people" "$work/other.people"
    cp "$it.json" "$work/other.json"
    run python3 -B tests/grader/trace_facts.py "$work/other"
    echo "$output"
}

@test "a picture that lies is found out" {
    traced v6_errors stall
    told_from '/class="forlock"/s/data-of="thread:[0-9]*"/data-of="thread:1"/'
    [ "$status" -eq 1 ]
    prints 'is said to hold the lock'
    told_from '/data-link/s/data-call="send"/data-call="recv"/'
    [ "$status" -eq 1 ]
    prints 'was in no such call'
    told_from 's/data-reaches="person:carol"/data-reaches="person:bob"/'
    [ "$status" -eq 1 ]
    prints 'the chain says person:carol, and links person:bob'
    told_from '/class="fact"/s/([0-9]* ms)/(1 ms)/'
    [ "$status" -eq 1 ]
    prints 'the caption tells another time'
    told_from 's/, who does not read (/ (/'
    [ "$status" -eq 1 ]
    prints 'does carol read, or not'
    told_from '/class="deaf"/s/data-begin="/&1/'
    [ "$status" -eq 1 ]
    prints 'carol did not stop reading then'
    told_from '/data-unread="bob"/s/data-end="/&1/'
    [ "$status" -eq 1 ]
    prints 'what bob said was read at another time'
    told_from '/data-say="alice"/s/data-at="/&1/'
    [ "$status" -eq 1 ]
    prints 'alice said nothing then'
    told_from '/data-holder/s/data-begin="/&1/'
    [ "$status" -eq 1 ]
    prints 'did not take the lock then'
}
