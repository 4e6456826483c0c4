#!/usr/bin/env bats
# peers: others at the other end. Python asks our servers what it asks its own,
# and our client visits Python's.

load language.bash

# peers WHAT [PROGRAM]
peers() {
    needs python3
    told "peers.py $1"
    python3 "$KIT_ROOT/tests/peers.py" "$@" >"$CASE/said" 2>&1 3>&- 8>&- 9<&- ||
        because bytes "$(tail -n 20 "$CASE/said")"
}

@test "Python's sockets are answered by each of the twelve" {
    peers servers "$KIT_BUILD/asan/serve"
}

@test "Python's socketserver answers the same questions" {
    peers python
}

@test "the client talks to a Python socketserver" {
    peers client "$KIT_BUILD/plain/client"
}
