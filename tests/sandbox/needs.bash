# needs.bash: what a rung needs besides a C compiler, as tests/needs.tsv has it: a
# library, and a broker between its servers. To be sourced at the top of the kit.

# need RUNG COLUMN: of that table; nothing for a rung that needs nothing.
# shellcheck disable=SC2034 # The columns are named by $2.
need() {
    local rung header library broker packages arguments
    while IFS=$'\t' read -r rung header library broker packages \
        arguments; do
        [ "$rung" != "$1" ] || echo "${!2}"
    done <"${KIT_ROOT:-.}/tests/needs.tsv"
}

# Prints the options that build with a library, a line each.
library_flags() {
    { pkg-config --cflags --libs "$1" 2>/dev/null || echo "-l$1"; } |
        tr -s ' ' '\n' | grep .
}

# Prints where the broker's program is; 1 if there is none here. Valkey is a
# redis by another name; the kafka is ours, tests/broker/kafka.c.
broker_program() {
    local program
    case $1 in
        redis-server)
            program=$(command -v redis-server) ||
                program=$(command -v valkey-server) || return ;;
        kafka) program=${KIT_TOOLS:-build/kit}/kafka ;;
    esac
    [ -x "$program" ] && echo "$program"
}

# lacks RUNG: prints the library that it needs, if the compiler does not find its
# header; 1 if it does, or if none is needed.
lacks() {
    local library
    library=$(need "$1" library)
    [ -n "$library" ] || return
    # shellcheck disable=SC2046 # Each word is an option.
    ! echo "#include <$(need "$1" header)>" |
        "${CC:-cc}" -E $(library_flags "$library") - >/dev/null 2>&1 || return
    echo "$library"
}

# Prints what is missing here of what a rung needs, as tools/doctor knows it; 1
# if nothing is.
missing_of() {
    local library broker words
    library=$(need "$1" library) broker=$(need "$1" broker)
    words=$(lacks "$1")
    # With its library comes what ours is made of.
    [ -z "$broker" ] || [ "$broker $words" = "kafka $library" ] ||
        broker_program "$broker" >/dev/null || words="$words $broker"
    echo "${words# }"
    [ -n "$words" ]
}
