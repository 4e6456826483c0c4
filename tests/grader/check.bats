#!/usr/bin/env bats
# tools/check: that what does not fit together in the tables is found.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    command -v git >/dev/null 2>&1 || skip "no git here"
    kit=$BATS_TEST_TMPDIR/kit
    mkdir "$kit"
    git ls-files -co --exclude-standard | while IFS= read -r file; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done | tar -cf - -T - | tar -xf - -C "$kit"
    cd "$kit" || return 1
}

# finds LINE: the check of the tables fails, and this is all that it says.
finds() {
    run tools/check matrix 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    [ "$(printf '%s\n' "$output" | sed -n 's/^    //p')" = "$1" ]
}

@test "a mistake that names no row that must hold on its rung is found" {
    local mistake=tests/mutants/v1_echo-adds_a_newline.patch
    tools/check matrix 3>&-
    cp "$mistake" as_it_is
    sed 's/^Killed-by: .*/Killed-by: quit is acknowledgd/' as_it_is >"$mistake"
    finds "$mistake: Killed-by names no row of the matrix: quit is acknowledgd"
    sed 's/^Killed-by: .*/Killed-by: quit is acknowledged/' as_it_is >"$mistake"
    finds "$mistake: on v1_echo it is - in the matrix, and not y: quit is acknowledged"
    sed '/^Killed-by: /d' as_it_is >"$mistake"
    finds "$mistake: no line Killed-by: TITLE before the difference"
    cp as_it_is "$mistake"
    cp as_it_is tests/mutants/v1-adds.patch
    finds 'tests/mutants/v1-adds.patch: there is no rung v1'
}

@test "a test without a line in the matrix is found, and cannot be played" {
    local title='a message of no bytes is answered'
    printf '@test "%s" {\n    the server starts\n}\n' "$title" >>tests/v1_echo.bats
    finds "an @test without a row in tests/matrix.tsv: $title"
    run tests/run --stage v1_echo --test "$title" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 2 ]
    prints "^run: '$title' has a test, and no line in tests/matrix.tsv"
}

# old_says FILE WHAT: the check of what is old finds, in each line that comes in on
# stdin and now stands behind the file, one thing: that.
old_says() {
    local here there
    there=$(wc -l <"$1")
    cat >>"$1"
    run tools/check old 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    for here in $(seq $((there + 1)) "$(wc -l <"$1")"); do
        echo "line $here: $(sed -n "${here}p" "$1")"
        [ "$(printf '%s\n' "$output" | grep -c "^    $1:$here: ")" -eq 1 ]
        prints "^    $1:$here: $2"
    done
}

@test "what bash 3.2 does not know is found" {
    tools/check old 3>&-
    old_says tools/room 'too new for old bash: ' <<'END'
declare -A rungs
f() { local -n it=$1; }
ls | mapfile -t lines
echo "${1^^} and more"
echo "${line,,}"
printf '%s\n' "${line@Q}"
echo "${line:0:-1}"
echo "${lines[-1]}"
kill "$BASHPID"
wait -n
make &>>log
make |& less
    a) echo a ;;& # and b
exec {fd}<file
printf -v lines[2] %d 3
printf "%(%H)T" -1
read -r -N 1 key
read -rt 0.1 line
[ -v line ] || line=
shopt -s extglob globstar
echo {01..12}
END
}

@test "what bash 3.2 does not know is found in the commands of the notes" {
    old_says notes/by-hand.md 'too new for old bash: ' <<'END'
A$ for i in {1..20}; do exec {f}<>/dev/tcp/localhost/9999; done
B$ make test |& less
END
}

@test "what make 3.81 does not know is found" {
    old_says v1_echo/Makefile 'too new for old make: ' <<'END'
NOW != date
define RUN =
undefine CFLAGS
.ONESHELL:
TEXT = $(file <server.c)
a b &: c
END
}

@test "an array that may be empty, and is not asked whether it is, is found" {
    echo 'f() { local all=(); echo ${all[@]+"${all[@]}"}; }' >>tools/room
    tools/check old 3>&-
    old_says tools/room 'if it is empty, old bash fails: ' <<'END'
f() { local all=(); echo "${all[@]}"; }
END
}

# After none of these would bash 3.2 end a test; what stands last in a function
# ends it, and so does what is told to.
@test "a command whose failure bash 3.2 overlooks in a test is found" {
    local command n=0
    while IFS= read -r command; do
        command=${command//N/$'\n    '}
        printf '%s\n' 'f() {' "    $command" '    true' '}' 'g() {' '    true' \
            "    $command" '}' 'h() {' "    $command || return 1" '    true' '}'
        n=$((n + 1))
    done >>tests/v1_echo.bats <<'END'
[[ $a = b ]]
(cd / && false)
(false) <file
[ -z "$a" ] || (false)
ls | (read -r a && [ -e "$a" ])
(N    falseN)
ls | while read -r a; doN    [ -e "$a" ]Ndone
END
    run tools/check old 3>&-
    printf '%s\n' "$output"
    [ "$n" -eq 7 ]
    [ "$(printf '%s\n' "$output" |
        grep -c '^    tests/v1_echo.bats:.*: when this fails, old bash goes on')" -eq 7 ]
    [ "$(printf '%s\n' "$output" | grep -c '^    ')" -eq 7 ]
}

@test "a check that ends without a word has failed" {
    printf '#!/bin/sh\nexit 3\n' >tools/notes
    run tools/check notes 3>&-
    printf '%s\n' "$output"
    case $output in *'not checked'*) skip "the notes cannot be checked here" ;; esac
    [ "$status" -eq 1 ]
    prints '^    \(tools/notes, exit status 3\)$'
}
