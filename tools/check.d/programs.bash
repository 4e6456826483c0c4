# programs.bash: which programs there are, where their source is, and whether
# each can be built here. Read by tools/check.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

# The folders with a program; which ones there must be, the matrix check tells.
programs() {
    columns | grep -vx -e socketserver -e chat | while read -r p; do
        [ ! -d "$p" ] || echo "$p"
    done
}

# The options that a program's libraries need; for musl there are none.
libraries() {
    local library
    library=$(need "$1" library)
    [ -z "$library" ] || library_flags "$library"
}

# Can it be built here, with this compiler? If not, that is noted.
can_build() {
    local missing
    [ -n "$(need "$1" library)" ] || return 0
    if [ "$2" = musl-gcc ]; then
        missing='what it needs is not built for musl'
    elif missing=$(lacks "$1"); then
        missing="no $missing here"
    else
        return 0
    fi
    grep -qs "without $1:" "$work/note" ||
        printf 'without %s: %s  ' "$1" "$missing" >>"$work/note"
    return 1
}

# Those that stand on the framework, all in its folder.
framed='chat echo serve'

# The C file of a folder: the client's is not a server.
source_of() {
    if [ "$1" = client ]; then
        echo client/client.c
    else
        echo "$1/server.c"
    fi
}
