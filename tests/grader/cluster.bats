#!/usr/bin/env bats
# cluster: the checker of make cluster is checked: histories written by hand, each
# with one thing wrong, and servers with a mistake that some seed must show.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    history=$BATS_TEST_TMPDIR/history
    step=0
    outside_of_bats
    command -v python3 >/dev/null || skip "python3 is not installed"
}

# --- a history by hand; tests/cluster/play.py says what is in one ---

# event EVENT NAME VALUE...
event() {
    local text="\"event\": \"$1\"" quote
    shift
    step=$((step + 1))
    while [ $# -gt 0 ]; do
        quote='"'
        case $2 in
            true | false | -[0-9]* | [0-9]*) quote='' ;;
        esac
        text="$text, \"$1\": $quote$2$quote"
        shift 2
    done
    echo "{\"step\": $step, $text}" >>"$history"
}

begins() { event begin stage "$1" seed 7; }
joins() { event joined session "$1" server "$2" fresh "${3:-false}"; }
says() { event said session "$1" line "$2"; }
is_refused() { event refused session "$1" why 'not said: too much'; }
may_be_refused() { event perhaps session "$1" why 'perhaps not said: no answer'; }
is_let_go() { event gone session "$1" why 'the server closed it'; }
loses() { event lost server "$1"; }
finds() { event found server "$1"; }
dies() { event down server "$1" was_up true status "${2:--9}"; }
strikes() { event fault kind "$1" server "$2" struck "${3:-true}" dropped 12; }
fence() { event fence line "$1"; }
ends() { event end whole true; }

# hears SESSION LINE...
hears() {
    local session=$1
    shift
    while [ $# -gt 0 ]; do
        event heard session "$session" head '[now] 127.0.0.1:1' line "$1"
        shift
    done
}

# judged STATUS REGEX...: so it ends, and all of these are said.
judged() {
    local status_wanted=$1
    shift
    run python3 -B tests/cluster/judge.py "$history"
    printf '%s\n' "$output"
    [ "$status" -eq "$status_wanted" ] || return
    while [ $# -gt 0 ]; do
        prints "$1" || return
        shift
    done
}

# Two at two servers, who hear one another, and a fault.
alice_and_bob() {
    begins "$1"
    joins alice.1 east
    joins bob.1 west
    says alice.1 a1
    hears alice.1 a1
    hears bob.1 a1
    strikes cut west
}

# What bob says last, and who comes after everything has healed reads: the room's
# log, if it is kept.
all_hear_the_end() {
    says bob.1 end
    hears alice.1 end
    hears bob.1 end
    joins reader.1 west true
    hears reader.1 "$@" end
    fence end
    ends
}

@test "cluster: a history in which nothing is wrong holds, on both rungs" {
    alice_and_bob v11_log
    all_hear_the_end a1
    judged 0 '^2 lines, 2 acknowledged, 0 refused, 0 indeterminate, 0 lost, 0 twice; faults: 1 cut; 12 bytes dropped$'
    rm "$history"
    alice_and_bob v10_pubsub
    all_hear_the_end
    judged 0 '^2 lines, 2 acknowledged, 0 confessed, 0 indeterminate, 0 lost, 0 twice; '
}

@test "cluster: an acknowledged line that one server missed is lost" {
    alice_and_bob v11_log
    says alice.1 a2
    hears alice.1 a2
    all_hear_the_end a1 a2
    judged 1 '^bob.1 missed a2 at west, between a1 and end$' ' 1 lost, 0 twice;'
}

@test "cluster: an acknowledged line that is not in the room's log is lost" {
    alice_and_bob v11_log
    says alice.1 a2
    hears alice.1 a2
    hears bob.1 a2
    all_hear_the_end a1
    judged 1 '^reader.1 missed a2 at west, between a1 and end$' ' 1 lost,'
}

@test "cluster: a log that begins too late has lost what came before" {
    alice_and_bob v11_log
    all_hear_the_end
    judged 1 "^reader.1 has read the room's log without a1, " ' 1 lost,'
    # Where the log was too long for a newcomer, nothing follows from that.
    sed -i.bak 's/"whole": true/"whole": false/' "$history"
    judged 0
}

@test "cluster: a line that its speaker never hears, and that nobody refused, is lost" {
    alice_and_bob v11_log
    says alice.1 a2
    all_hear_the_end a1
    judged 1 '^alice.1 said a2, and did not hear it' ' 1 lost,'
}

@test "cluster: what comes twice is counted, and is wrong" {
    alice_and_bob v11_log
    hears bob.1 a1
    all_hear_the_end a1
    judged 1 '^bob.1 heard a1 twice, at west$' ' 0 lost, 1 twice;'
}

@test "cluster: two people hear two orders" {
    alice_and_bob v10_pubsub
    says alice.1 a2
    says bob.1 b1
    hears alice.1 a2 b1
    hears bob.1 b1 a2
    all_hear_the_end
    judged 1 '^two orders: alice.1 \(east\) heard a2 before b1, and bob.1 \(west\) heard b1 before a2$'
}

@test "cluster: three orders that agree in pairs, and not together" {
    alice_and_bob v10_pubsub
    joins carol.1 north
    says alice.1 a2
    says bob.1 b1
    says carol.1 c1
    hears alice.1 a2 b1
    hears bob.1 b1 c1
    hears carol.1 c1 a2
    ends
    judged 1 'does not fit into one order'
}

@test "cluster: an order that goes back: a speaker's own" {
    alice_and_bob v10_pubsub
    says alice.1 a2
    says alice.1 a3
    hears alice.1 a3 a2
    hears bob.1 a3 a2
    all_hear_the_end
    judged 1 '^alice.1 said a2 before a3, and bob.1 heard them the other way round: an order that goes back$'
}

@test "cluster: an order that goes back: the room's log" {
    alice_and_bob v11_log
    says alice.1 a2
    says bob.1 b1
    hears alice.1 b1 a2
    hears bob.1 b1 a2
    all_hear_the_end a1 a2 b1
    judged 1 '^bob.1 heard a2, at place -2 of the log, after b1, at place -1: an order that goes back$'
}

@test "cluster: two lines at one place of the log" {
    alice_and_bob v11_log
    all_hear_the_end a1
    says alice.1 a2
    joins reader.2 east true
    hears reader.2 a2 end
    judged 1 '^two lines at place -1 of the log: a1 for reader.1, and a2 for reader.2$'
}

@test "cluster: one line at two places of the log" {
    alice_and_bob v11_log
    says alice.1 a2
    says alice.1 a3
    hears alice.1 a2 a3
    hears bob.1 a2 a3
    all_hear_the_end a1 a2 a3
    joins reader.2 east true
    hears reader.2 a1 a3 end
    judged 1 '^a1 is at two places of the log: -3 and -2 \(reader.2\)$|^two lines at place -2'
}

@test "cluster: a failed send that is heard" {
    alice_and_bob v11_log
    says alice.1 a2
    is_refused alice.1
    hears alice.1 a2
    hears bob.1 a2
    all_hear_the_end a1 a2
    judged 1 'a failed send is heard'
}

@test "cluster: what is refused with a word is not lost" {
    alice_and_bob v11_log
    says alice.1 a2
    is_refused alice.1
    all_hear_the_end a1
    judged 0 ' 1 refused, 0 indeterminate, 0 lost,'
}

@test "cluster: a loss that v10 confesses is right, and one that it does not is wrong" {
    alice_and_bob v10_pubsub
    loses west
    says alice.1 a2
    hears alice.1 a2
    says bob.1 b1
    finds west
    all_hear_the_end
    judged 0 '^4 lines, 3 acknowledged, 1 confessed, 0 indeterminate, 0 lost,'
    sed -i.bak '/"lost"/d; /"found"/d' "$history"
    judged 1 '^bob.1 missed a2 at west, .* confesses no loss there' \
        '^bob.1 said b1, and did not hear it; the log of west confesses no loss' \
        ' 2 lost,'
}

@test "cluster: a loss outside of what v10 confesses is wrong: before, after, elsewhere" {
    local when
    for when in before after elsewhere; do
        alice_and_bob v10_pubsub
        [ "$when" != after ] || { loses west; finds west; }
        [ "$when" != elsewhere ] || loses east
        says alice.1 a2
        says alice.1 a3
        [ "$when" != after ] || hears bob.1 a2
        says alice.1 a4
        hears alice.1 a2 a3 a4
        [ "$when" = after ] || hears bob.1 a2
        hears bob.1 a4
        [ "$when" != elsewhere ] || finds east
        [ "$when" != before ] || { loses west; finds west; }
        all_hear_the_end
        judged 1 '^bob.1 missed a3 at west, between a2 and a4; .* confesses no loss'
        rm "$history"
    done
}

# Alice's connection ends before she hears a2: either is right.
@test "cluster: a line whose speaker cannot know is indeterminate, heard or not" {
    local heard
    for heard in '' a2; do
        alice_and_bob v11_log
        says alice.1 a2
        dies east
        is_let_go alice.1
        hears bob.1 $heard
        joins alice.2 east
        hears alice.2 a1 $heard
        says bob.1 end
        hears alice.2 end
        hears bob.1 end
        joins reader.1 west true
        hears reader.1 a1 $heard end
        fence end
        ends
        judged 0 ' 1 indeterminate, 0 lost, 0 twice;'
        rm "$history"
    done
    for heard in '' a2; do
        alice_and_bob v11_log
        says alice.1 a2
        may_be_refused alice.1
        [ -z "$heard" ] || { hears alice.1 a2; hears bob.1 a2; }
        all_hear_the_end a1 $heard
        judged 0 ' 0 lost, 0 twice;'
        rm "$history"
    done
}

@test "cluster: a line that nobody said" {
    alice_and_bob v10_pubsub
    hears bob.1 'a1 a2'
    all_hear_the_end
    judged 1 "^somebody heard 'a1 a2', and nobody said it$"
}

@test "cluster: a server that ends by itself, or lets somebody go without a word" {
    alice_and_bob v10_pubsub
    joins carol.1 east
    event slow server east
    is_let_go carol.1
    all_hear_the_end
    judged 0
    rm "$history"
    alice_and_bob v10_pubsub
    joins carol.1 east
    is_let_go carol.1
    all_hear_the_end
    judged 1 '^carol.1 was let go by east, whose log does not say why$'
    dies west 1
    judged 1 '^west ended by itself, with status 1$'
}

@test "cluster: nothing has healed while somebody does not hear the last line" {
    alice_and_bob v10_pubsub
    joins carol.1 north
    all_hear_the_end
    judged 1 '^carol.1 did not hear the last line, end, at north'
    event stuck for 'a line that all hear'
    judged 1 '^one thing never came: a line that all hear$'
}

@test "cluster: a line is lost if its speaker hears a later one, and not it" {
    alice_and_bob v10_pubsub
    says alice.1 a2
    says alice.1 a3
    hears alice.1 a3
    says alice.1 a4
    judged 1 '^alice.1 said a2, and did not hear it' ' 1 indeterminate, 1 lost,'
}

@test "cluster: a run in which no fault struck is no pass, nor is half a history" {
    alice_and_bob v11_log
    all_hear_the_end a1
    sed -i.bak 's/"struck": true/"struck": false/' "$history"
    judged 3 '^no fault struck, so nothing is learnt$' 'faults: none \(1 in vain\);'
    rm "$history"
    alice_and_bob v11_log
    says alice.1 a2
    judged 3 'breaks off, so nothing is learnt' ' 1 indeterminate, 0 lost,'
    echo '{"step": ' >>"$history"
    judged 2 'no history'
}

# --- the relay ---

@test "cluster: servers that come again and again do not keep a turn from its end" {
    PYTHONPATH=tests/cluster run python3 -B - 3>&- <<'END'
import selectors, socket, types, relay

class Broker:  # it stands still: nobody gets through
    asked = 0
    def connect(self):
        self.asked += 1

broker = Broker()
link = relay.Link(types.SimpleNamespace(
    kafka=False, broker=broker, selector=selectors.DefaultSelector()))
servers = [socket.create_connection(("127.0.0.1", link.port)) for _ in range(3)]
link.pump()
print("in one turn:", broker.asked)
END
    printf '%s\n' "$output"
    [ "$output" = 'in one turn: 1' ]
}

# --- the whole ---

# plays RUNG MUTANT SEED: with its mistake, in a folder of its own.
plays() {
    local dir=$BATS_TEST_TMPDIR/work
    mkdir -p "$dir"
    cp -R "$1" "$dir/"
    [ -z "$2" ] || patch -p1 -s -d "$dir" <"tests/mutants/$1-$2.patch"
    run env CLUSTER_DEADLINE=60 tools/cluster "$1" --dir "$dir" --seed "$3" 3>&-
    printf '%s\n' "$output"
    [ "$status" -ne 3 ] || skip "${output#cluster: }"
}

# Where the history is kept, which it names.
named_history() {
    printf '%s\n' "$output" | sed -n 's/^ *history: //p'
}

@test "cluster: our own rungs hold a seed" {
    local rung
    for rung in v10_pubsub v11_log; do
        plays $rung '' 3
        [ "$status" -eq 0 ]
        prints '^held +seed 3, .* 0 lost, 0 twice; faults: [1-9]'
        prints '^1 seeds, 1 held, 0 failed$'
    done
}

@test "cluster: a seed finds a server that says its own lines twice, and the history is kept" {
    plays v10_pubsub says_its_own_lines_twice 3
    [ "$status" -eq 1 ]
    prints '^FAILED  seed 3, '
    prints ' heard [a-z]+-[0-9]+ twice, at '
    [ -s "$(named_history)" ]
    rm "$(named_history)"
}

@test "cluster: a seed finds a log that a server begins to read at its end" {
    plays v11_log starts_at_the_end 3
    [ "$status" -eq 1 ]
    prints "has read the room's log without|missed .* at "
    [ -s "$(named_history)" ]
    rm "$(named_history)"
}

@test "cluster: wrong arguments are refused, with the reason" {
    run tools/cluster
    [ "$status" -eq 2 ]
    prints 'wants STAGE=v10_pubsub or STAGE=v11_log'
    run tools/cluster v11_log --seeds many
    [ "$status" -eq 2 ]
    prints "SEEDS wants a number, not 'many'"
    run tools/cluster v11_log --dir "$BATS_TEST_TMPDIR"
    [ "$status" -eq 2 ]
    prints 'there is no .*/v11_log/server.c'
}
