#!/usr/bin/env bats
# room: a server and people who talk on one screen; or several servers and their
# broker in one terminal, for a class to join.
#
# shellcheck disable=SC2016 # The shell that plays the story expands it.

load outside.bash
load terminal.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    outside_of_bats
    make -s -f tests/sandbox/programs.mk 3>&-
}

has_redis() {
    command -v redis-server >/dev/null || skip "redis-server is not installed"
    make -s v10_pubsub 3>&-
    [ -x v10_pubsub/server ] || skip "hiredis is not installed"
}

# in_a_room SERVERS COMMANDS: with a network of its own, if that can be had, so
# that the ports are free. What is on 8 is typed into the room.
in_a_room() {
    local confine=build/kit/confine
    cat >"$work/story" <<END
set -u
mkfifo "$work/typed"
tools/room v10_pubsub --servers $1 <>"$work/typed" >"$work/shown" 2>&1 &
room=\$!
exec 8<>"$work/typed"
until grep -q 'ends all of it' "$work/shown"; do
    kill -0 \$room || exit 3
    sleep 0.1
done
children=\$(ps -A -o pid= -o ppid= -o args= | awk -v room=\$room '\$2 == room')
echo "\$children" >"$work/children"
server=\$(echo "\$children" | awk '/server -b/ { print \$1; exit }')
$2
wait \$room
END
    if "$confine" --network true 2>/dev/null; then
        run "$confine" --network bash "$work/story" 3>&-
    else
        run bash "$work/story" 3>&-
    fi
    echo "$output"
    cat "$work/shown"
}

# The broker, the servers, and what shows their logs.
nothing_is_left() {
    local one all=0
    while read -r one _; do
        all=$((all + 1))
        if kill -0 "$one" 2>/dev/null; then
            ps -p "$one"
            return 1
        fi
    done <"$work/children"
    [ "$all" -ge 3 ]
}

@test "a client at one server is heard at the other, and quit ends all of it" {
    has_redis
    in_a_room 2 '
        exec 5<>/dev/tcp/127.0.0.1/9999 6<>/dev/tcp/127.0.0.1/9998
        until [ "$(grep -c joined "'"$work/shown"'")" -eq 2 ]; do
            kill -0 $room || exit 3
            sleep 0.1
        done
        echo hi >&5
        read -r line <&6
        echo "heard: $line"
        echo "no end" >&8
        echo quit >&8'
    [ "$status" -eq 0 ]
    prints '^heard: \[.*\] 127\.0\.0\.1:[0-9]* hi$'
    grep -q '^    nc localhost 9998$' "$work/shown"
    grep -q '^even what was said before they noticed' "$work/shown"
    grep -q '^9999  .* joined$' "$work/shown"
    nothing_is_left
}

@test "a room whose servers have all ended is over, and its broker goes, too" {
    has_redis
    in_a_room 1 'kill "$server"'
    [ "$status" -eq 1 ]
    grep -q 'no server is left' "$work/shown"
    nothing_is_left
}

@test "a room of no servers, or several of a rung without a broker, is refused" {
    run make room STAGE=v10_pubsub SERVERS=0 3>&-
    [ "$status" -ne 0 ]
    prints 'SERVERS is a number from 1 to 9'
    run make room STAGE=v9_poll SERVERS=2 3>&-
    [ "$status" -ne 0 ]
    prints 'it takes a rung that has a broker'
}

# --- on one screen, in tmux ---

# room_of COLUMNS LINES COMMAND...: a room on a terminal of that size; with a
# network of its own, if that can be had, so that the ports are free.
room_of() {
    local size="$1 $2" confine=build/kit/confine
    shift 2
    command -v tmux >/dev/null || skip "tmux is not installed"
    tells_calls || skip "nothing here tells what threads wait in"
    # shellcheck source=tools/room.d/screen.bash
    . tools/room.d/screen.bash
    if "$confine" --network true 2>/dev/null; then
        set -- "$confine" --network "$@"
    fi
    # shellcheck disable=SC2086 # Two numbers.
    terminal $size "$@"
}

# Does the system tell a parent which call its child waits in?
tells_calls() {
    local child said
    sleep 1000 3>&- &
    child=$!
    said=$(cat "/proc/$child/syscall" 2>/dev/null)
    kill "$child"
    [ -n "$said" ]
}

teardown() {
    close_terminal
}

# Notes all processes that the room has started, and the room itself.
note_processes() {
    local room
    room=$(tmux -S "$work"/tmp/room.*/tmux display-message -p '#{pid}')
    descendants "$room" >"$work/children"
    outer display-message -p '#{pane_pid}' >"$work/pane"
    descendants "$(cat "$work/pane")" | grep -vx "$(cat "$work/pane")" \
        >>"$work/children"
    # The server, what draws its threads, and three people, at the least.
    [ "$(wc -l <"$work/children")" -ge 8 ]
}

# Of what was noted, and in the folder.
room_is_gone() {
    local one end=$((SECONDS + 60))
    while read -r one; do
        while lives "$one"; do
            if [ "$SECONDS" -ge "$end" ]; then
                echo "still there:"
                ps -p "$one" -o pid= -o args=
                return 1
            fi
            sleep 0.1
        done
    done <"$work/children"
    while [ -n "$(ls "$work/tmp")" ]; do
        if [ "$SECONDS" -ge "$end" ]; then
            ls -R "$work/tmp"
            return 1
        fi
        sleep 0.1
    done
}

@test "a room on a wide screen: who talks to whom, and what each thread waits in" {
    room_of 110 40 make -s room STAGE=v2_threads
    shows 'main +read \(console\)' 'accept +accept' 'alice +recv alice' \
        'bob +recv bob' 'carol +recv carol'
    # Who came when is told, with short stamps.
    shows '^..:..:.. 127\.0\.0\.1:[0-9]+ joined \(alice\)'
    shows ' alice ' ' bob ' ' carol ' '\^Q ends all'
    outer send-keys 'good morning' Enter
    shows '\[20.*\] 127\.0\.0\.1:[0-9]+ good morning'
    # Main has ended; those who are left are still told by name.
    outer send-keys Tab Tab Tab quit Enter
    shows 'main stopping'
    hides 'main +read'
    shows 'accept +accept' 'alice +recv alice'
    note_processes
    # The first is for the server, the second for the room.
    outer send-keys C-c
    shows 'killed by SIGINT' 'Ctrl-C: ends all'
    outer send-keys C-c
    shows '^over: 0'
    room_is_gone
}

@test "a room on a narrow screen shows who holds the lock, and who waits for it" {
    room_of 80 24 make -s room STAGE=v5_locks
    shows 'main +read \(console\)' 'alice +recv alice' 'carol +recv carol' \
        '^..:..:.. 127\.0\.0\.1:[0-9]+ joined \(carol\) ' 'say hello' '\^Q ends all'
    # From alice to carol, who stops reading; and back by the server.
    outer send-keys Tab
    outer send-keys Tab
    outer send-keys C-s
    shows ' carol does not read '
    outer send-keys Tab
    outer send-keys Tab
    outer send-keys C-f
    shows 'alice +send carol'
    outer send-keys Tab
    outer send-keys 'anybody?' Enter
    shows 'bob +waits for the lock' 'alice +send carol, holds the lock'
    outer send-keys Tab
    outer send-keys C-s
    shows 'bob +recv bob' 'alice +recv alice'
    hides 'does not read'
    note_processes
    outer send-keys C-q
    shows '^over: 0'
    room_is_gone
}

@test "a room with nc: in v1 Bob is not accepted until Alice is gone" {
    command -v nc >/dev/null || skip "nc is not installed"
    room_of 80 24 make -s room STAGE=v1_echo WITH=nc
    shows 'main +recv alice' 'bob +\(not accepted yet\)' 'carol +\(not accepted yet\)'
    outer send-keys hello Enter
    shows '^Your msg = hello'
    note_processes
    ps -o args= -p "$(paste -sd , "$work/children")" | grep '^nc '
    outer send-keys C-x
    shows "alice's program has ended" 'main +recv bob'
    outer send-keys C-q
    shows '^over: 0'
    room_is_gone
}

@test "a room tells what killed its server, and Enter starts it again" {
    room_of 80 24 make -s room STAGE=v4_broadcast
    shows 'carol +recv carol'
    outer send-keys C-x
    shows 'left \(alice\)'
    outer send-keys Tab
    # Until it hits the dead socket.
    types_until 'killed by SIGPIPE' 'is alice well?' Enter
    shows '\(no server\)'
    outer send-keys Tab
    outer send-keys Tab
    outer send-keys Enter
    shows 'main +read \(console\)' 'bob +recv bob' 'carol +recv carol'
    note_processes
    # An end from outside: the signal is for the room.
    kill -TERM "$(pgrep_room)"
    shows '^over:'
    room_is_gone
}

# The process of tools/room.
pgrep_room() {
    while read -r one; do
        ps -o pid= -o args= -p "$one" | awk '/[ \/]tools\/room / { print $1 }'
    done <"$work/children"
}

@test "a room goes when its terminal goes" {
    room_of 110 40 tools/room v9_poll
    shows 'main +poll, for' '\(console\), newcomers,' 'carol, bob, alice|alice, bob, carol'
    note_processes
    outer kill-server
    room_is_gone
}

@test "a room of v10 has two servers, and its broker can be stopped" {
    has_redis
    room_of 110 40 tools/room v10_pubsub
    shows 'joined \(carol\)' 'newcomers,' 'broker, bob, alice|broker, alice, bob' \
        'broker, carol' ' carol, at west '
    outer send-keys 'hi carol' Enter
    shows '\[20.*\] 127\.0\.0\.1:[0-9]+ hi carol'
    note_processes
    outer send-keys C-p
    shows 'v10_pubsub, west: broker stopped ' '\^P wakes broker'
    outer send-keys C-p
    shows '\^P stops broker'
    hides 'broker stopped'
    outer send-keys C-q
    shows '^over: 0'
    room_is_gone
}

@test "a room without a terminal, of no server or with no such client is refused" {
    command -v tmux >/dev/null || skip "tmux is not installed"
    run tools/room v4_broadcast 3>&- </dev/null
    [ "$status" -eq 1 ]
    prints 'room: it takes a terminal'
    run tools/room client 3>&-
    [ "$status" -eq 2 ]
    prints 'room: it takes a server, such as STAGE=v4_broadcast'
    run make room STAGE=v4_broadcast WITH=telnet 3>&-
    [ "$status" -ne 0 ]
    prints 'room: WITH is client or nc'
    terminal 79 24 tools/room v4_broadcast
    shows 'room: it takes 80 columns and 24 lines, and here are 79 and 24' '^over: 1'
}
