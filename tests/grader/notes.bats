#!/usr/bin/env bats
# notes: that what went stale in the notes and README.md is found.

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
    git add -A
}

# stale PLACE REGEX: tools/notes fails there, and says so.
stale() {
    run python3 tools/notes "notes/$1" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    printf '%s\n' "$output" | grep -qE -e "$2"
}

@test "a session that went stale is found: the program says something else" {
    copy_the_kit
    sed -i 's/Your msg = /You said: /' v1_echo/server.c
    stale 'v1_echo.md:Try this' 'A  Your msg = hello'
}

@test "a session that went stale is found: something more is seen" {
    copy_the_kit
    sed -i 's/log_event(c->name, "left", "");/&\n    log_event("main", "bye", "");/' \
        v1_echo/server.c
    stale 'v1_echo.md:Try this' 'main bye'
}

@test "a session that went stale is found: one port for another" {
    copy_the_kit
    # Alice's words, in bob's name.
    awk 'BEGIN { here = 1 }
        here && /^B  .* hi bob$/ { sub(/127.0.0.1:[0-9]*/, "127.0.0.1:33333"); here = 0 }
        { print }' notes/v4_broadcast.md >new
    ! cmp -s new notes/v4_broadcast.md || false
    mv new notes/v4_broadcast.md
    stale 'v4_broadcast.md:Try this' '33333'
}

@test "a session that went stale is found: one process number for two" {
    copy_the_kit
    # Of the threads that ps shows, two have the same number now.
    awk '/^C +[0-9]+ Sl/ { if (first && !same++) sub(/[0-9]+/, first)
            else first = $2 }
        { print }' notes/v2_threads.md >new
    ! cmp -s new notes/v2_threads.md || false
    mv new notes/v2_threads.md
    stale 'v2_threads.md:Try this' 'ps -L'
}

@test "an excerpt that went stale is found" {
    copy_the_kit
    sed -i 's/"r");$/"rb");/' makefile_fdopen/server.c
    stale 'makefile_fdopen.md:The lines' 'not so, or not in this order'
    sed -i 's/delay = 2 \* delay/delay = 3 * delay/' client/client.c
    stale 'client.md:The lines' 'in no source file of client'
}

@test "a table that went stale is found" {
    copy_the_kit
    sed -i 's/^\(five hundred joins.*\)n:leak/\1n:bytes/' tests/matrix.tsv
    stale 'v4_broadcast.md:Still' 'flaws v4_broadcast is stale'
}

@test "the tables alone: what went stale is found, and renewed, and no more" {
    copy_the_kit
    sed -i 's/^every message is answered/each message is answered/' \
        tests/matrix.tsv
    sed -i 's/Your msg = /You said: /' v1_echo/server.c # that is not played
    run python3 tools/notes --tables 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    [ "$(printf '%s\n' "$output" | grep -c ' is stale:$')" -eq 1 ]
    printf '%s\n' "$output" | grep -q '^    +each message is answered'
    python3 tools/notes --renew --tables 3>&-
    [ "$(git diff --name-only -- '*.md')" = notes/matrix.md ]
    python3 tools/notes --tables 3>&-
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
    rm -r notes
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

@test "a link that leads nowhere from chapter to chapter is found" {
    local file
    copy_the_kit
    rm -r notes
    mkdir notes
    for file in README.md CONTRIBUTING.md SECURITY.md bench/README.md; do
        printf '# Nothing\n' >"$file"
    done
    printf '# Tests\n\n[Two](../notes/two.md#in-three).\n' >tests/README.md
    cat >NOTES.md <<'END'
# Notes

[The next](notes/one.md#nothing) and [the last](notes/three.md).

## The chapters

- [one](notes/one.md)
- [two](notes/two.md)
END
    cat >notes/one.md <<'END'
# one

To [two](two.md#in-two), [three](three.md), [the top](../NOTES.md#gone),
[a file](../tests/run) and [no file](../tests/walk).

[All chapters](../NOTES.md) · [two →](two.md)
END
    cat >notes/two.md <<'END'
# two

## In two

[← one](one.md) · [All chapters](../NOTES.md)
END
    run python3 tools/notes --links 3>&-
    [ "$status" -eq 1 ]
    diff - <(printf '%s\n' "$output") <<'END'
NOTES.md:3: a link to notes/one.md#nothing, which is no heading
NOTES.md:3: a link to notes/three.md, which is not there
notes/one.md:3: a link to three.md, which is not there
notes/one.md:3: a link to ../NOTES.md#gone, which is no heading
notes/one.md:4: a link to ../tests/walk, which is not there
tests/README.md:3: a link to ../notes/two.md#in-three, which is no heading
END
}

@test "a chapter that NOTES.md does not link, or that leads nowhere, is found" {
    copy_the_kit
    printf '# Lost\n\nWords.\n' >notes/lost.md
    sed -i '/^| \[v3_event\]/d' NOTES.md
    sed -i '$d' notes/v6_errors.md
    run python3 tools/notes --links 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    prints '^NOTES.md: notes/lost.md is not linked under "The chapters"$'
    prints '^NOTES.md: notes/v3_event.md is not linked'
    prints '^notes/v2_threads.md:[0-9]*: the last line is not:$'
    prints '^    \[← v1_echo\]\(v1_echo.md\) · .* · \[v4_broadcast →\]\(v4_broadcast.md\)$'
    prints '^notes/v6_errors.md:[0-9]*: the last line is not:$'
    lacks '^notes/v8_lines.md' <(printf '%s\n' "$output")
    # What leads on is written, and what is not linked is for people.
    rm notes/lost.md
    git checkout -q NOTES.md
    python3 tools/notes --renew --links 3>&-
    git diff --exit-code notes
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
    local text=notes/v1_echo.md
    cp "$text" old
    python3 tools/notes --renew "$text:Try this" 3>&-
    ! cmp -s "$text" old || false # new times
    same_text "$text" old
    sed -i 's/Your msg = /You said: /' v1_echo/server.c
    python3 tools/notes --renew "$text:Try this" 3>&-
    run same_text old "$text"
    printf '%s\n' "$output" | grep -q '^> A  You said: hello'
    ! printf '%s\n' "$output" | grep '^<' | grep -v 'Your msg' || false
    python3 tools/notes "$text:Try this" 3>&-
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
        KIT_DEADLINE=8 run tests/run --dir "$BATS_TEST_TMPDIR/$rung" \
            --stage "$rung" 3>&-
        reached=$(printf '%s\n' "$output" |
            sed -n 's/^.* \([0-9]*\) of *[0-9]* points.*/\1/p')
        echo "$rung: $reached points in hand; tests/inhand.tsv has $points," \
            "and $(luck_of "$rung") more may be luck"
        [ "$reached" -ge "$points" ]
        [ "$reached" -le $((points + $(luck_of "$rung"))) ]
    done <tests/inhand.tsv
}
