#!/usr/bin/env bats
# book: the lecture as a page, looked at in a real browser.
#
# The checks are in tests/book/checks.js; each says there what it looks at.

load outside.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    LACKING=$(tools/book --needs)
    export LACKING
    [ -z "$LACKING" ] || return 0
    (
        outside_of_bats
        tools/book && tools/book --modules
    ) 3>&-
}

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    outside_of_bats
    # shellcheck disable=SC2086 # Each word is a tool.
    [ -z "$LACKING" ] ||
        skip "no ${LACKING% } here: $(tools/doctor --install $LACKING)"
    book=build/book
}

# holds CHECK: in the book.
holds() {
    NODE_PATH=$PWD/build/npm/node_modules \
        node tests/book/checks.js "$book" "$1" 3>&-
}

# spoil FILE SCRIPT: a copy of the book, in which sed has changed something.
spoil() {
    rm -rf "$work/book"
    cp -R build/book "$work/book"
    book=$work/book
    sed -e "$2" "build/book/$1" >"$book/$1"
    ! cmp -s "build/book/$1" "$book/$1"
}

@test "every page loads from disk, without a complaint or the network" {
    holds loads
}

@test "no link is dead, and no name is there twice" {
    holds links
}

@test "a dead link is found, and so is a dead place in a page" {
    spoil v5_locks.html 's/href="boxes.html/href="bosses.html/'
    run holds links
    [ "$status" -eq 1 ]
    prints 'v5_locks.html: the link bosses.html.* leads to no file'
    spoil boxes.html 's/id="9-bytes-are-not-characters"//'
    run holds links
    [ "$status" -eq 1 ]
    prints 'v1_echo.html: the link boxes.html#9-bytes.* leads to no place'
}

@test "an error in a script is found, and so is one that asks the network" {
    spoil book.js 's/^    theme();/    them();/'
    run holds loads
    [ "$status" -eq 1 ]
    prints 'index.html: them is not defined'
    spoil index.html 's|href="style.css"|href="http://127.0.0.1:9/style.css"|'
    run holds loads
    [ "$status" -eq 1 ]
    prints 'index.html: asks the network'
}

@test "search finds" {
    holds search
}

@test "a diff has one column or two, and what is unchanged is folded" {
    holds step
}

@test "what a step shows is the whole of the new program" {
    holds whole
}

@test "lines that moved are told from new ones" {
    holds moves
}

@test "a text lights its lines, a row the lines that turn it" {
    holds followed
}

@test "a step names the rows that the matrix says it turns, and no others" {
    holds turns
}

@test "the matrix tells of a row, a column and a step" {
    holds lights
}

@test "a demo plays, pauses, steps, and at another speed" {
    holds plays
}

@test "without scripts all can be read" {
    holds unscripted
}

@test "a command can be copied" {
    holds copies
}

@test "light and dark can be chosen, and last" {
    holds themes
}

@test "nothing is wider than a phone" {
    holds narrow
}

@test "on paper the answers are unfolded" {
    holds printed
}

@test "a picture of a trace is uncovered step by step" {
    ls notes/pictures/*.svg >/dev/null 2>&1 || skip "the notes have no pictures"
    holds pictures
}

@test "axe-core finds nothing serious: light, on a wide screen" {
    holds axe-light
}

@test "axe-core finds nothing serious: dark, on a phone" {
    holds axe-dark
}

@test "the book has less than 3 MB without the casts" {
    holds size
}

@test "where a tool is missing, make book says how to install it" {
    mkdir "$work/bin"
    ln -s /usr/bin/* /bin/* "$work/bin/" 2>/dev/null || true
    rm -f "$work/bin/pandoc"
    PATH=$work/bin run tools/book
    [ "$status" -eq 1 ]
    prints 'there is no pandoc'
    prints 'install.* pandoc'
}

# asciinema starts with UTF-8 only.
@test "a demo is recorded, and doctor knows with what, where letters are ASCII" {
    rm -f build/casts/v1_echo-*.cast
    LC_ALL=C tools/book 3>&-
    ls build/casts/v1_echo-*.cast
    LC_ALL=C run make -s doctor 3>&-
    prints '^  ok  +asciinema +asciinema [0-9]'
}
