#!/usr/bin/env bats
# rows: the student writes the row (make rowhunt, make tryrow, make grade
# ROWHUNT=). What she writes is data, whatever it says.

bats_require_minimum_version 1.5.0
load outside.bash

# Five students have one mistake, and hand in a row each; they are graded once.
setup_file() {
    export KIT=$BATS_TEST_DIRNAME/../.. IN=$BATS_FILE_TMPDIR/hand-in
    export RESULT=$BATS_FILE_TMPDIR/out HUNT=$BATS_FILE_TMPDIR/hunt
    mkdir -p "$IN" "$HUNT/v3_event"
    (
        cd "$KIT" || exit 1
        outside_of_bats
        make -s -f tests/sandbox/programs.mk 3>&-
    ) || return 1
    command -v python3 >/dev/null && command -v patch >/dev/null || return 0
    for name in alice bob carol dave erin; do
        printf '%s\tv3_event-takes_QUIT_for_quit\tIt takes QUIT.\n' $name
    done >"$HUNT/v3_event/planted.tsv"
    mkdir "$IN/alice"
    quit_row 'alice says hi' 'alice hears hi' >"$IN/alice/row.txt"
    quit_row 'alice says hi' 'alice hears hello' >"$IN/bob.txt"
    printf '%s\n' 'the server starts' 'alice joins' 'console says QUIT' \
        "console shows 'threads: '" >"$IN/carol.txt"
    printf '%s\n' 'the server starts' 'the server lives' >"$IN/dave.txt"
    printf '%s\n' 'the server starts' 'source /etc/passwd' \
        "$(printf 'alice says \033[31m')" >"$IN/erin.txt"
    printf '%s\n' 'the server starts' >"$IN/<b>.txt"
    ended=0
    # shellcheck disable=SC2119
    grade >"$BATS_FILE_TMPDIR/told" 2>&1 || ended=$?
    echo "$ended" >"$BATS_FILE_TMPDIR/status"
}

setup() {
    cd "$KIT" || return 1
    outside_of_bats
    export KIT_DEADLINE=5
    dir=$BATS_TEST_TMPDIR/hunt row=$BATS_TEST_TMPDIR/hunt/row.txt
    mkdir -p "$dir"
}

# grade [WORD=...]: make grade of the rows, or with other variables.
# shellcheck disable=SC2120 # setup_file wants no others
grade() (
    outside_of_bats
    export KIT_DEADLINE=5
    make -s -C "$KIT" grade HANDIN="$IN" STAGE=v3_event ROWHUNT="$HUNT" \
        OUT="$RESULT" "$@" 3>&-
)

# Sentences that find takes_QUIT_for_quit, if those behind do.
quit_row() {
    printf '%s\n' 'the server starts' 'alice joins' 'console says QUIT' \
        'console answers hello' "$@"
}

graded() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    command -v patch >/dev/null || skip "patch is not installed"
}

# read_row LINE...: what tests/sandbox/row.c makes of a row.
read_row() {
    printf '%s\n' "$@" >"$row"
    run build/kit/row tests/verdict/sentences.tsv "$row"
    printf '%s\n' "$output"
}

# refused TEXT: the last row was, by a message that holds this.
refused() {
    [ "$status" -eq 1 ]
    prints "$1"
}

# report_of NAME REGEX: the report that a student gets says so.
report_of() {
    grep -qE -e "$2" "$RESULT/v3_event-rows/$1/report.txt" || {
        cat "$RESULT/v3_event-rows/$1/report.txt"
        return 1
    }
}

# --- what a row is worth ---

@test "a row that finds its mistake, and holds on what is right, is accepted" {
    graded
    grep -qE '^alice +accepted$' "$BATS_FILE_TMPDIR/told"
    report_of alice '^It fails on the broken program, as it should:$'
    report_of alice '^    line 4: console answers hello$|^    line 5: alice says hi$'
    report_of alice '^It holds on our program, as it should.$'
    report_of alice '^It holds on a program of another design, select_loop, as'
    report_of alice '^The row is accepted.$'
}

@test "a row that asks for more than our program does is not accepted" {
    graded
    report_of bob '^It fails on our program, which is correct:$'
    report_of bob '^    line 6: alice hears hello$'
    report_of bob '^      expected: .* hello$'
    report_of bob '^      seen:     .* hi$'
    report_of bob '^The row is not accepted yet.$'
}

@test "a row that asks for our own words fails on other designs, and says so" {
    graded
    report_of carol '^It holds on our program, as it should.$'
    report_of carol '^It fails on a program of another design, select_loop, which'
    report_of carol '^    line 4: console shows threads: $'
    report_of carol 'It asks for something that a correct program need not do'
    grep -q '^carol .*not accepted' "$BATS_FILE_TMPDIR/told"
}

@test "a row that holds on the broken program, too, finds nothing" {
    graded
    report_of dave '^It holds on the broken program, too, in 3 plays: it does not find'
    report_of dave '^The row is not accepted yet.$'
}

@test "a row that cannot be read is told where, and its bytes steer nothing" {
    graded
    report_of erin '^    line 2: no such sentence$'
    report_of erin '^        source /etc/passwd$'
    report_of erin 'alice says .x1b\[31m$'
    grep -qE '^<b> +no verdict: make rowhunt gave nothing' "$BATS_FILE_TMPDIR/told"
    [ "$(cat "$BATS_FILE_TMPDIR/status")" -ne 0 ]
    lacks "$(printf '\033')" "$RESULT/v3_event-rows/rows.html"
    grep -q '&lt;b&gt;' "$RESULT/v3_event-rows/rows.html"
    lacks '<b>' "$RESULT/v3_event-rows/rows.html"
}

@test "a second grade keeps the report of the first" {
    graded
    cp "$IN/alice/row.txt" "$BATS_TEST_TMPDIR/kept"
    echo 'alice sings' >>"$IN/alice/row.txt"
    run grade NAME=alice
    cp "$BATS_TEST_TMPDIR/kept" "$IN/alice/row.txt"
    report_of alice 'alice sings'
    grep -q 'The row is accepted' "$RESULT/v3_event-rows/alice/earlier"/report.*
}

# --- how it is read ---

@test "a comment, blanks and quotes are read as the page says" {
    read_row '' '  # all of it' 'the   server starts # at once' \
        "alice says 'hi  # bob' # a comment" 'alice hears "it'"'"'s"' \
        "bob hears '' from alice"
    [ "$status" -eq 0 ]
    printf '%s\t%s\n' 3 "starts	the	server	starts" \
        4 "does	alice	says	hi  # bob" 5 "asks	alice	hears	it's" \
        6 "asks	bob	hears		from	alice" | diff - <(printf '%s\n' "$output")
}

@test "a row without a start, or with a wrong order, is told so" {
    read_row 'alice joins' 'alice hears hi'
    refused '^line 1: before this the server must start'
    read_row 'the server starts' 'threads are watched' 'the server lives'
    refused "^line 2: this must stand before the server's start"
    read_row 'the server starts' 'there is no race'
    refused '^line 2: this needs "threads are watched" before the start'
    read_row 'the server starts' 'the server starts' 'the server lives'
    refused '^line 2: the server has started, and not ended'
}

@test "a row that asks for nothing is told so" {
    read_row 'the server starts' 'alice joins' 'alice says hi' 'alice leaves'
    refused 'This row asks for nothing'
}

@test "an unknown sentence is shown with the nearest one" {
    read_row 'the server starts' 'alice say hi' 'alice hears hi'
    refused '^line 2: no such sentence$'
    prints '^    alice say hi$'
    prints '^  the nearest: WHO says TEXT$'
    read_row 'the server starts' 'alice says hi bob' 'alice hears hi'
    refused "A text of several words stands in quotes: 'hi bob'"
    read_row 'the server starts' 'crowd of 201 joins' 'the server lives'
    refused '^line 2: a number is too small or too large$'
    prints '^  the nearest: crowd of N joins  \(N up to 200\)$'
}

@test "malformed quotes and escapes are told" {
    read_row 'the server starts' "alice says 'hi" "alice says it's" \
        "alice says 'a'b" 'alice says \q' 'alice says \x1'
    refused '^line 2: a quote is opened, and not closed'
    prints '^line 3: a quote stands inside a word'
    prints '^line 4: a blank must stand behind the closing quote'
    prints '^line 5: a . is written'
    prints '^line 6: a . is written'
}

@test "a row is bounded: its bytes, lines, sentences, crowds and megabytes" {
    read_row "$(printf 'the server starts # %0200d' 1)"
    refused 'more than 200 bytes'
    read_row 'the server starts' "$(yes 'the server lives' | head -n 100)"
    refused 'more than 100 sentences'
    read_row 'the server starts' 'alice says 12345678901234567890 70000 times' \
        'the server lives'
    refused 'a row may say 1 MiB in all'
    read_row 'the server starts' 'alice floods 9 megabytes' 'the server lives'
    refused 'a number is too small or too large'
    read_row 'the server starts' 'crowd of 99999999999999999999 joins'
    refused 'no such sentence|too large'
    head -c 1000000 /dev/zero >"$row"
    run build/kit/row tests/verdict/sentences.tsv "$row"
    refused 'larger than 64 KiB'
}

@test "NUL and other control bytes are told, and shown harmlessly" {
    printf 'the server starts\nalice says \0 hi\nalice \033[2Jjoins\n' >"$row"
    run build/kit/row tests/verdict/sentences.tsv "$row"
    refused '^line 2: a control byte'
    prints 'alice says .x00 hi$'
    prints 'alice .x1b.2Jjoins$'
}

@test "every sentence of the table is one of the language's" {
    cat >"$BATS_TEST_TMPDIR/known.bash" <<'END'
BATS_TEST_DIRNAME=$KIT_ROOT/tests BATS_TEST_FILENAME=x CASE=$1
. "$KIT_ROOT/tests/language.bash"
. "$KIT_ROOT/tests/verdict/row.bash"
order() { SAID=exit1; }
forgiving() { :; }
reopen_stage() { :; }
skip() { :; }
because() { :; }
no_such_sentence() { echo "not in the language: ${STORY[${#STORY[@]} - 1]}"; }
: >"$CASE/log"
while IFS= read -r line; do
    cut_up "$line"
    sentence_of_a_row "${CUT[@]}" </dev/null
    echo played
done
END
    sed '/^#/d' tests/verdict/sentences.tsv | cut -f 1 |
        sed 's/WHO/alice/g; s/TEXT/x/g; s/N0*:\([0-9]*\)/\1/g' | tr ' ' '\t' \
        >"$BATS_TEST_TMPDIR/all"
    KIT_ROOT=$PWD KIT_TOOLS=$PWD/build/kit run bash \
        "$BATS_TEST_TMPDIR/known.bash" "$BATS_TEST_TMPDIR" \
        <"$BATS_TEST_TMPDIR/all"
    prints_not 'not in the language'
    [ "$(grep -c '^played' <<<"$output")" -eq "$(wc -l <"$BATS_TEST_TMPDIR/all")" ]
}

# --- hostile rows ---

@test "what is no sentence is refused: commands, paths, the language's own functions" {
    while IFS= read -r line; do
        read_row 'the server starts' "$line" 'the server lives'
        refused '^line 2: ' || {
            echo "taken: $line"
            return 1
        }
    done <<'END'
$(touch PWNED)
`touch PWNED`
;touch PWNED
alice joins; touch PWNED
alice joins && touch PWNED
alice joins | touch PWNED
../../x joins
eval touch PWNED
source /etc/passwd
. /etc/passwd
exec sh
run id
because harness x
order server starts
told x
skip
record passed ''
teardown
with_tsan
watched closes
play_row
person alice joins
alice
alice says
alice cannot reach 10.0.0.1
alice writes down what was heard
alice opens the client
client starts
host listens
the server starts +plain 0
the server starts 0.0.0.0 80
the server refuses x
the server gets KILL
the server log is read
forgiving alice says hi
STORY=(x)
KIT_ROOT=/ the server lives
--help
END
    [ -z "$(find . "$BATS_TEST_TMPDIR" -name 'PWNED*' | head -n 1)" ]
}

@test "what looks like a command is a text like any other, and is heard as it is" {
    mkdir -p "$dir/v3_event"
    cp v3_event/server.c "$dir/v3_event/"
    cat >"$row" <<'END'
the server starts
alice joins
alice says '$(touch PWNED) `touch PWNED` "$HOME" ; touch PWNED & * ~ !! ${x@P}'
alice hears '$(touch PWNED) `touch PWNED` "$HOME" ; touch PWNED & * ~ !! ${x@P}'
alice says $(touch${IFS}PWNED)
alice hears $(touch${IFS}PWNED)
alice says -n
alice hears -n
alice says '\0\xff%s%n\\'
alice hears '\0\xff%s%n\\'
the server logs 'a[$(touch PWNED)]'
END
    run tools/tryrow "$row" v3_event
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    prints '^    line 11: the server logs a\[\$\(touch PWNED\)\]$'
    [ -z "$(find . "$BATS_TEST_TMPDIR" -name 'PWNED*' | head -n 1)" ]
}

@test "a row that takes too long has no verdict, and is told so" {
    printf '%s\n' 'the server starts' 'alice joins' \
        'alice says one' 'alice waits for the next second' \
        'alice says two' 'alice waits for the next second' 'the server lives' >"$row"
    ROW_SECONDS=0 run tools/tryrow "$row" v3_event
    printf '%s\n' "$output"
    [ "$status" -eq 3 ]
    prints '^No verdict on our program: It takes longer than 0 s: make it shorter'
}

@test "a file that is not a row is not opened" {
    run build/kit/row tests/verdict/sentences.tsv /dev/zero
    refused 'no file that can be read'
    mkfifo "$dir/fifo"
    run build/kit/row tests/verdict/sentences.tsv "$dir/fifo"
    refused 'no file that can be read'
    ln -s /etc/passwd "$dir/link"
    run build/kit/row tests/verdict/sentences.tsv "$dir/link"
    refused 'no file that can be read'
}

# --- what a student does ---

@test "rowhunt gives a broken program, and keeps the answer, the same each time" {
    graded
    run make -s rowhunt STAGE=v1_echo NAME='ann bob' OUT="$dir" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    [ "$(cut -f 2 "$dir/v1_echo/planted.tsv" | sort -u | wc -l)" -eq 2 ]
    cp -R "$dir/v1_echo/ann" "$BATS_TEST_TMPDIR/before"
    rm -r "$dir/v1_echo/ann"
    run make -s rowhunt STAGE=v1_echo NAME=ann OUT="$dir" 3>&-
    [ "$status" -eq 0 ]
    diff -r "$BATS_TEST_TMPDIR/before" "$dir/v1_echo/ann"
    # What is given tells nothing of the answer, which is one.
    lacks -r -e 'Killed-by' -e '/\*' "$dir/v1_echo/ann/v1_echo"
    mkdir "$dir/hers"
    tar -xzf "$dir/v1_echo/ann.tar.gz" -C "$dir/hers"
    run tools/tryrow "$dir/hers/v1_echo-ann/row.txt"
    [ "$status" -eq 1 ]
    prints 'This row asks for nothing'
    cp "$dir/v1_echo/ann.answer.txt" "$dir/hers/v1_echo-ann/row.txt"
    run tools/tryrow "$dir/hers/v1_echo-ann/row.txt"
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    prints '^It fails on the broken program, as it should'
    prints '^It holds on our program, as it should'
}

@test "in a hand-out a student tries her row, and learns what she does not see" {
    graded
    command -v git >/dev/null || skip "git is not installed"
    export GIT_CONFIG_GLOBAL=/dev/null
    for stage in v3_event v4_broadcast; do
        run make -s handout STAGE=$stage TO="$dir/$stage" 3>&-
        [ "$status" -eq 0 ]
        hers=$dir/$stage/work
        mkdir -p "$hers/v3_event-ann/v3_event"
        cp v3_event/server.c "$hers/v3_event-ann/v3_event/"
        patch -p1 -s -d "$hers/v3_event-ann" \
            <tests/mutants/v3_event-takes_QUIT_for_quit.patch
        cp "$IN/alice/row.txt" "$hers/v3_event-ann/"
        run make -s -C "$dir/$stage" tryrow ROW=work/v3_event-ann/row.txt 3>&-
        printf '%s\n' "$output"
        [ "$status" -eq 0 ]
        prints '^It fails on the broken program, as it should'
        prints 'it must hold on correct programs of other designs, too'
        case $stage in
            v3_event) prints '^Our v3_event is not here: when you hand the row in' ;;
            v4_broadcast) prints '^It holds on our program, as it should' ;;
        esac
    done
    run make -s -C "$dir/v4_broadcast" tryrow 3>&-
    [ "$status" -eq 0 ]
    prints '^    WHO hears TEXT from WHO '
}

@test "tryrow says what it wants" {
    run make -s tryrow ROW="$dir/none.txt"
    [ "$status" -ne 0 ]
    prints 'there is no file .*none.txt'
    echo 'the server starts' >"$row"
    run make -s tryrow ROW="$row"
    prints 'which rung is .*row.txt for\? Say STAGE='
    run make -s tryrow ROW="$row" STAGE=client
    [ "$status" -ne 0 ]
}
