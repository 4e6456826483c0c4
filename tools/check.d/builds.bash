# builds.bash: what the compilers say of each program, and whether each folder
# builds on its own. Read by tools/check: a check prints what is wrong, and
# nothing else; what it writes into $work/note stands behind its line.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

# Ubuntu's gcc defines _FORTIFY_SOURCE by itself, and then warns of results that
# nobody looks at: with it, a program that is silent here is silent there.
warnings='-std=c11 -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wall -Wextra
    -Wpedantic -Werror -pthread'

# strict CC NAME SOURCE...
strict() {
    local compiler=$1 name=$2
    shift 2
    # shellcheck disable=SC2086 # Each word of $warnings is an option.
    "$compiler" $warnings -o "$work/$compiler-$name" "$@" 2>&1 ||
        echo "$name: $compiler fails"
}

build_all() {
    local compiler=$1 p
    for p in $(programs); do
        # shellcheck disable=SC2046 # Each word is an option.
        ! can_build "$p" "$compiler" ||
            strict "$compiler" "$p" "$(source_of "$p")" $(libraries "$p")
    done
    for p in $framed; do
        strict "$compiler" "$p" "socketserver/$p.c" socketserver/socketserver.c
    done
    for p in proofs/*.c; do
        strict "$compiler" "$(basename "$p" .c)" "$p"
    done
    strict "$compiler" framework -I socketserver tests/framework/framework.c
    strict "$compiler" load bench/*.c
    strict "$compiler" caller tests/framework/caller.c
    strict "$compiler" peer -I tests/sandbox tests/peer/*.c \
        tests/sandbox/sandbox.c
    # Only glibc has what it needs.
    [ "$compiler" = musl-gcc ] ||
        strict "$compiler" trace -std=gnu11 -Wno-pedantic -fPIC -shared \
            tools/tracing/trace.c -ldl
    strict "$compiler" confine -I tests/peer -I tests/sandbox \
        tests/sandbox/confine.c tests/peer/guard.c tests/sandbox/sandbox.c
    strict "$compiler" strip -I tests/peer -I tests/sandbox tools/room.d/*.c \
        tests/peer/tasks.c tests/peer/bytes.c
    for p in intake readable row; do
        strict "$compiler" $p tests/sandbox/$p.c tests/sandbox/text.c
    done
    # shellcheck disable=SC2046 # Each word is an option.
    ! can_build v11_log "$compiler" ||
        strict "$compiler" kafka tests/broker/kafka.c $(libraries v11_log)
}

check_gcc() { build_all gcc; }
check_clang() { build_all clang; }
check_musl() { build_all musl-gcc; }

# What a reader types who has nothing but the file; a warning is a failure.
check_bare() {
    local p file
    for p in $(programs); do
        file=$(source_of "$p")
        # shellcheck disable=SC2046 # Each word is an option.
        ! can_build "$p" cc ||
            cc -pthread -o "$work/bare" "$file" $(libraries "$p") 2>&1 ||
            echo "$p: cc fails"
    done
    for p in $framed; do
        cc -pthread -o "$work/bare" "socketserver/$p.c" \
            socketserver/socketserver.c 2>&1 || echo "$p: cc fails"
    done
}

# alone FOLDER BINARY...: make in a copy of the folder makes these, silently.
alone() {
    local p=$1 binary
    shift
    rm -rf "$work/alone"
    mkdir "$work/alone"
    cp "$p/Makefile" "$p"/*.[ch] "$work/alone/"
    if ! make -C "$work/alone" >"$work/make" 2>&1; then
        echo "$p: make fails in a copy of its folder:"
        cat "$work/make"
    elif grep -q warning: "$work/make"; then
        echo "$p: make warns in a copy of its folder:"
        cat "$work/make"
    fi
    for binary in "$@"; do
        [ -x "$work/alone/$binary" ] ||
            echo "$p: make leaves no $binary in a copy of its folder"
    done
    if ! make -C "$work/alone" clean >"$work/make" 2>&1; then
        echo "$p: make clean fails:"
        cat "$work/make"
    fi
    for binary in "$@"; do
        [ ! -e "$work/alone/$binary" ] ||
            echo "$p: make clean leaves its $binary"
    done
}

check_alone() {
    local p
    # A make that called us has its own options: they are not for this one.
    unset MAKEFLAGS MFLAGS MAKELEVEL
    # And "warning:" is what it says in this language only.
    export LC_ALL=C
    for p in $(programs); do
        can_build "$p" cc || continue
        case $p in
            client) alone client client ;;
            *) alone "$p" server ;;
        esac
    done
    # shellcheck disable=SC2086 # Each word is a program.
    alone socketserver $framed
}
