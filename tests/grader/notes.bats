#!/usr/bin/env bats
# notes: that what went stale in NOTES.md and README.md is found; and what the
# instructor's page says, played.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    kit=$BATS_TEST_TMPDIR/kit
}

# What git would commit, elsewhere, to be changed.
copy_the_kit() {
    local tool
    for tool in python3 nc socat ss ps setarch git; do
        command -v "$tool" >/dev/null 2>&1 || skip "no $tool here"
    done
    [ -d /proc/self/task ] || skip 'sessions are played on Linux only'
    mkdir "$kit"
    git ls-files -co --exclude-standard | while IFS= read -r file; do
        [ ! -e "$file" ] || printf '%s\n' "$file"
    done | tar -cf - -T - | tar -xf - -C "$kit"
    cd "$kit" || return 1
    git init -q
}

# stale SECTION REGEX: tools/notes fails there, and says so.
stale() {
    run python3 tools/notes "NOTES.md:$1" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep -qE -e "$2"
}

@test "a session that went stale is found: the program says something else" {
    copy_the_kit
    sed -i 's/Your msg = /You said: /' v1_echo/server.c
    stale 'v1_echo / Try this' 'A  Your msg = hello'
}

@test "a session that went stale is found: something more is seen" {
    copy_the_kit
    sed -i 's/log_event(c->name, "left", "");/&\n    log_event("main", "bye", "");/' \
        v1_echo/server.c
    stale 'v1_echo / Try this' 'main bye'
}

@test "a session that went stale is found: one port for another" {
    copy_the_kit
    # Alice's words, in bob's name.
    awk '/^## v4_broadcast/ { here = 1 }
        here && /^B  .* hi bob$/ { sub(/127.0.0.1:[0-9]*/, "127.0.0.1:33333"); here = 0 }
        { print }' NOTES.md >new
    ! cmp -s new NOTES.md || false
    mv new NOTES.md
    stale 'v4_broadcast / Try this' '33333'
}

@test "an excerpt that went stale is found" {
    copy_the_kit
    sed -i 's/"r");$/"rb");/' makefile_fdopen/server.c
    stale 'makefile_fdopen / The lines' 'not so, or not in this order'
    sed -i 's/delay = 2 \* delay/delay = 3 * delay/' client/client.c
    stale 'client / The lines' 'in no source file of client'
}

@test "a table that went stale is found" {
    copy_the_kit
    sed -i 's/^\(five hundred joins.*\)n:leak/\1n:bytes/' tests/matrix.tsv
    stale 'v4_broadcast / Still' 'flaws v4_broadcast is stale'
}

@test "a command that went stale, and a link to nothing, are found" {
    copy_the_kit
    cat >README.md <<'END'
# Only this

Type `make frobnicate`, and read [more](#of-this).

```sh
make help
make nonsense
```

```tex
END
    printf '```\n' >>README.md
    printf '# Notes\n' >NOTES.md
    run python3 tools/notes 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep -q '^README.md:3: .*: make frobnicate$'
    printf '%s\n' "$output" | grep -q '^README.md:3: a link to #of-this'
    printf '%s\n' "$output" | grep -q '^README.md:7: .*: make nonsense$'
    printf '%s\n' "$output" | grep -q '^README.md:11: a block of no kind'
    ! printf '%s\n' "$output" | grep -q ': make help$' || false
}

# But for times and ports.
same_text() {
    diff <(but_for_times "$1") <(but_for_times "$2")
}

but_for_times() {
    sed -E 's/[0-9-]{10} [0-9:]{8}/TIME/; s/127\.0\.0\.1:[0-9]+/WHO/' "$1"
}

@test "renewing writes what comes out, and nothing else" {
    copy_the_kit
    cp NOTES.md old
    python3 tools/notes --renew 'NOTES.md:v1_echo / Try this' 3>&-
    ! cmp -s NOTES.md old || false # new times
    same_text NOTES.md old
    sed -i 's/Your msg = /You said: /' v1_echo/server.c
    python3 tools/notes --renew 'NOTES.md:v1_echo / Try this' 3>&-
    run same_text old NOTES.md
    printf '%s\n' "$output" | grep -q '^> A  You said: hello'
    ! printf '%s\n' "$output" | grep '^<' | grep -v 'Your msg' || false
    python3 tools/notes 'NOTES.md:v1_echo / Try this' 3>&-
}

# Points of the rows that are asked of a rung and were not of the one before:
# there an untouched copy may be lucky.
luck_of() {
    awk -F '\t' -v rung="$1" '
        NR == 1 {
            for (i = 3; i <= NF; i++) if ($i == rung) { new = i; old = i - 1 }
            next
        }
        rung ~ /^v/ && $new == "y" && $old == "-" { points += $2 }
        END { print points + 0 }' tests/matrix.tsv
}

@test "what an untouched exercise has in hand is what the notes say" {
    local rung points reached
    while IFS=$'\t' read -r rung points; do
        case $rung in '#'*) continue ;; esac
        tools/start "$rung" "$BATS_TEST_TMPDIR/$rung" >/dev/null 3>&-
        run tests/run --dir "$BATS_TEST_TMPDIR/$rung" --stage "$rung" 3>&-
        reached=$(printf '%s\n' "$output" |
            sed -n 's/^.* \([0-9]*\) of *[0-9]* points.*/\1/p')
        echo "$rung: $reached; the notes: $points, and by luck $(luck_of "$rung") more"
        [ "$reached" -ge "$points" ]
        [ "$reached" -le $((points + $(luck_of "$rung"))) ]
    done <tests/inhand.tsv
}

# Of each row of the table of NOTES.md: the command, and what it says.
what_does_not_work() {
    awk -F '|' '/^### To hand out/ { here = 1 } /^### What grading/ { here = 0 }
        here && $2 ~ /`/ && $3 ~ /`/ {
            split($2, command, "`"); split($3, said, "`")
            print command[2] "\t" said[2] }' NOTES.md
}

@test "a kit without its later rungs says what the notes say" {
    local command said
    what_does_not_work >"$BATS_TEST_TMPDIR/table"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/table")" -ge 5 ]
    copy_the_kit
    rm -r v3_event v4_broadcast v5_locks v6_errors socketserver tests/mutants \
        tests/variants
    while IFS=$'\t' read -r command said; do
        echo "$command: $said"
        run bash -c "$command" 3>&- </dev/null
        printf '%s\n' "$output"
        printf '%s\n' "$output" | grep -qF -e "$said"
    done <"$BATS_TEST_TMPDIR/table"
}
