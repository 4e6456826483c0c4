# outside.bash: for tests that start a bats of their own, as a user would.

# Takes away what the bats around us has put into the environment.
outside_of_bats() {
    local v
    PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v 'libexec/bats' |
        paste -sd ':' -)
    for v in ${!BATS_*}; do
        export -n "${v?}"
    done
    unset MAKEFLAGS MFLAGS MAKELEVEL STAGE TEST ROWS DIR POINTS RESULTS JOBS \
        TIMES NAME HANDIN OUT AGAINST FORCE BUGHUNT ROWHUNT ROW SEED SEEDS \
        SERVERS KAFKA
    export KIT_DEADLINE=10 NO_COLOR=1
}

# lacks WORD...: grep finds nothing. (A "!" before a command never fails a test.)
lacks() {
    if grep "$@"; then
        return 1
    fi
}

# shellcheck disable=SC2154 # bats sets output.
# prints REGEX: the command that was run last has printed it; prints_not: it has not.
prints() {
    printf '%s\n' "$output" | grep -qE -e "$1" || {
        echo "not printed: $1"
        return 1
    }
}

prints_not() {
    ! printf '%s\n' "$output" | grep -E -e "$1" || {
        echo "printed: $1"
        return 1
    }
}
