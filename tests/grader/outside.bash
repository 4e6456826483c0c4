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
        TIMES NAME
    export KIT_DEADLINE=10 NO_COLOR=1
}
