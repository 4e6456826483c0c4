#!/usr/bin/env bats
# tools/grade and tools/similar, on a few hand-ins.

bats_require_minimum_version 1.5.0
load outside.bash

setup() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    outside_of_bats
    KIT=$BATS_TEST_DIRNAME/../.. IN=$BATS_TEST_TMPDIR/in RESULT=$BATS_TEST_TMPDIR/out
    mkdir "$IN"
}

teardown() {
    [ -z "${ELSEWHERE:-}" ] || rm -rf "$ELSEWHERE"
}

tools_grade() {
    "$KIT/tools/grade" "$@" 3>&-
}

@test "a file of points is read, and stays" {
    cp "$KIT/v1_echo/server.c" "$IN/ann.c"
    printf 'every message is answered, one after another\t100\n' \
        >"$BATS_TEST_TMPDIR/points.tsv"
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo OUT="$RESULT" \
        POINTS="$BATS_TEST_TMPDIR/points.tsv"
    prints '^ann +1[0-9][0-9] of 1[0-9][0-9] points$'
    [ -s "$BATS_TEST_TMPDIR/points.tsv" ]
}

@test "POINTS=step counts only what the rung adds" {
    mkdir -p "$IN/eve/makefile_fdopen"
    cp "$KIT/v1_echo/server.c" "$IN/eve/makefile_fdopen/"
    run make -s -C "$KIT" grade HANDIN="$IN" POINTS=step \
        STAGE=makefile_fdopen OUT="$RESULT"
    most=$(cd "$KIT" && . tools/ladder.bash &&
        rows makefile_fdopen 'now == "y" && past != "y"' |
        awk '{ n += $1 } END { print n }')
    case $output in *" of $most points"*) ;; *) echo "$output"; false ;; esac
}

@test "what submit packs of the chat is graded, and compared with ours" {
    mkdir -p "$IN/ann/socketserver"
    cp "$KIT"/socketserver/{chat,socketserver}.c "$KIT"/socketserver/*.h \
        "$IN/ann/socketserver/"
    tar -C "$IN/ann" -czf "$IN/bob.tar.gz" socketserver
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=chat OUT="$RESULT" \
        ROWS='^it takes a host|^quit is'
    prints '^ann '
    prints '^bob '
    prints_not 'no verdict|not started'
    prints '[1-9][0-9]* passed, 0 failed'
    if command -v sim_c >/dev/null; then
        run make -s -C "$KIT" similar HANDIN="$IN" STAGE=chat
        prints '100 %  ann and our own chat'
    fi
}

@test "interrupted, it keeps what is finished, and leaves nothing half" {
    for name in a b c d e f; do
        cp "$KIT/v1_echo/server.c" "$IN/$name.c"
        echo "/* $name */" >>"$IN/$name.c"
    done
    python3 - "$KIT/tools/grade" "$IN" v1_echo --out "$RESULT" \
        --jobs 1 3>&- <<'END'
import signal, subprocess, sys
p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True,
                     start_new_session=True,
                     preexec_fn=lambda: signal.signal(signal.SIGINT,
                                                      signal.default_int_handler))
p.stdout.readline()
import os
os.killpg(p.pid, signal.SIGINT)
p.stdout.read()
assert p.wait() == 130, p.returncode
END
    n=$(find "$RESULT/v1_echo" -name graded.json | wc -l)
    [ "$n" -ge 1 ] && [ "$n" -lt 6 ]
    [ -z "$(find "$RESULT" -name '.new*')" ]
    run tools_grade "$IN" v1_echo --out "$RESULT"
    [ "$(printf '%s\n' "$output" | grep -c 'as before')" -eq "$n" ]
    grep -q '^6 hand-ins: 6 graded' <<<"$output"
}

# Eve's program is our v1, but ends at once if it can open one of the paths.
@test "a hand-in can read neither another's nor what was graded" {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    # Not below /tmp, which no program sees anyway.
    ELSEWHERE=$(mktemp -d /var/tmp/kit.XXXXXX)
    IN=$ELSEWHERE/in RESULT=$ELSEWHERE/out
    mkdir "$IN"
    cp "$KIT/v1_echo/server.c" "$IN/ann.c"
    mkdir -p "$RESULT" "$IN/eve/v1_echo"
    echo secret >"$RESULT/secret"
    chmod 755 "$ELSEWHERE" "$IN" "$RESULT"
    sed "s,^int main(.*,&__BODY__," "$KIT/v1_echo/server.c" |
        awk -v paths="$IN/ann.c:$RESULT/secret" '
            /__BODY__/ { sub(/__BODY__/, ""); body = 1 }
            { print }
            body && /^{/ {
                n = split(paths, path, ":")
                for (i = 1; i <= n; i++)
                    print "    if (fopen(\"" path[i] "\", \"r\")) return 9;"
                body = 0
            }' >"$IN/eve/v1_echo/server.c"
    for box in '' bwrap; do
        [ -z "$box" ] || command -v bwrap || continue
        SANDBOX=$box run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo \
            OUT="$RESULT" NAME=eve FORCE=1 SANDBOX="$box"
        printf '%s\n' "$output"
        grep -q -E '^eve +([0-9]+) of \1 points$' <<<"$output"
    done
    # With nothing around it, it does open one, and never starts.
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo OUT="$RESULT" \
        NAME=eve FORCE=1 SANDBOX=none KIT_DEADLINE=3
    prints '^eve +0 of .* does not start$'
    # A user of its own alone keeps nobody from a folder that all may read.
    [ "$(id -u)" -eq 0 ] || return 0
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo OUT="$RESULT" \
        NAME=eve FORCE=1 SANDBOX=user
    grep -q 'nothing here would contain them' <<<"$output"
    grep -q "may not  *grade  *strangers' programs: " <<<"$output"
}

@test "a grade that cannot begin says why, and writes nothing" {
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v0_none
    [ "$status" -ne 0 ]
    run tools_grade "$BATS_TEST_TMPDIR/none" v1_echo
    [ "$status" -eq 2 ]
    case $output in *'no such folder of hand-ins'*) ;; *) false ;; esac
    run tools_grade "$IN" v1_echo --out "$IN/out"
    [ "$status" -eq 2 ]
    [ ! -e "$IN/out/v1_echo/class.html" ]
    cp "$KIT/v1_echo/server.c" "$IN/ann.c"
    run tools_grade "$IN" v1_echo --only nobody --out "$RESULT"
    [ "$status" -eq 2 ]
}

# --- make similar ---

@test "copies share nearly all, under other names too; designs do not" {
    command -v sim_c >/dev/null || skip "sim_c is not installed"
    mkdir -p "$IN/ann/v5_locks" "$IN/bob/v5_locks" "$IN/cy/v5_locks"
    variants=$KIT/tests/variants
    cp "$variants"/pointer_array/v5_locks/*.[ch] "$IN/ann/v5_locks/"
    sed 's/client/guest/g; s/room/hall/g; s,/\*.*\*/,,' \
        "$variants"/pointer_array/v5_locks/server.c \
        >"$IN/bob/v5_locks/server.c"
    cp "$variants"/descriptor_table/v5_locks/*.[ch] "$IN/cy/v5_locks/"
    run make -s -C "$KIT" similar HANDIN="$IN" STAGE=v5_locks
    [ "$status" -eq 0 ]
    grep -q -E '^ *(6[0-9]|[789][0-9]|100) %  ann and bob$' <<<"$output"
    grep -q 'server.c, lines ' <<<"$output"
    lacks 'and cy$' <<<"$output"
}

# --- make bughunt ---

@test "a bug hunt: the same mistake each time, and another for each" {
    command -v patch >/dev/null || skip "patch is not installed"
    run make -s -C "$KIT" bughunt STAGE=v1_echo NAME='ann bob' OUT="$RESULT"
    [ "$status" -eq 0 ]
    cp -R "$RESULT/v1_echo/ann" "$BATS_TEST_TMPDIR/before"
    rm -r "$RESULT/v1_echo/ann"
    run make -s -C "$KIT" bughunt STAGE=v1_echo NAME=ann OUT="$RESULT"
    [ "$status" -eq 0 ]
    diff -r "$BATS_TEST_TMPDIR/before" "$RESULT/v1_echo/ann"
    [ "$(cut -f 2 "$RESULT/v1_echo/planted.tsv" | sort -u | wc -l)" -eq 2 ]
    lacks -r -e '/\*' "$RESULT/v1_echo/ann/v1_echo"
    mkdir "$IN/ann"
    tar -xzf "$RESULT/v1_echo/ann.tar.gz" -C "$IN/ann"
    echo 'It was <b>there</b>.' >"$IN/ann/v1_echo-ann/v1_echo/CAUSE.txt"
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo OUT="$RESULT/graded" \
        BUGHUNT="$RESULT"
    [ "$status" -eq 0 ]
    grep -q 'not mended' "$RESULT/graded/v1_echo/class.html"
    grep -q 'It was &lt;b&gt;there' "$RESULT/graded/v1_echo/class.html"
    cp "$KIT/v1_echo/server.c" "$IN/ann/v1_echo-ann/v1_echo/server.c"
    run make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo OUT="$RESULT/graded" \
        BUGHUNT="$RESULT"
    lacks 'not mended' "$RESULT/graded/v1_echo/class.html"
    grep -q '>mended' "$RESULT/graded/v1_echo/class.html"
}

@test "a name that is no plain word is refused" {
    run "$KIT/tools/bughunt" v1_echo '../ann' --to "$RESULT"
    [ "$status" -eq 2 ]
    [ ! -e "$RESULT" ]
}

# --- make viva ---

@test "viva asks three questions, each about a line of hers, the same each time" {
    for rung in v1_echo v2_threads v3_event v4_broadcast v5_locks v6_errors \
        v7_queue v8_lines v9_poll makefile_fdopen client; do
        mkdir -p "$IN/ann/$rung"
        cp "$KIT/$rung"/*.c "$IN/ann/$rung/"
        run make -s -C "$KIT" viva HANDIN="$IN/ann" STAGE="$rung"
        [ "$status" -eq 0 ]
        [ "$(grep -c '^   A good answer: ' <<<"$output")" -eq 3 ]
        [ "$(grep -c '^    [a-z]*\.c:[0-9]*:  ' <<<"$output")" -ge 2 ]
        first=$output
        run make -s -C "$KIT" viva HANDIN="$IN/ann" STAGE="$rung"
        [ "$output" = "$first" ]
    done
}

@test "viva asks first about what she wrote herself" {
    mkdir -p "$IN/ann/v5_locks"
    sed 's/pthread_mutex_lock(&lock);/pthread_mutex_lock(\& lock); \/* mine *\//' \
        "$KIT/v5_locks/server.c" >"$IN/ann/v5_locks/server.c"
    run "$KIT/tools/viva" "$IN/ann" v5_locks
    [ "$status" -eq 0 ]
    grep -q 'pthread_mutex_lock(& lock); /\* mine' <<<"$output"
}

# --- make gradescope ---

@test "the autograder grades what is uploaded, and says what it did not find" {
    run make -s -C "$KIT" gradescope STAGE=v1_echo OUT="$BATS_TEST_TMPDIR/a.zip"
    [ "$status" -eq 0 ]
    root=$BATS_TEST_TMPDIR/autograder
    mkdir -p "$root/source" "$root/submission/my lab"
    python3 -c 'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])' \
        "$BATS_TEST_TMPDIR/a.zip" "$root/source"
    # Python's unzip forgets who may execute what.
    for name in $(cd "$KIT" && find tests tools -type f -perm -u+x); do
        [ ! -f "$root/source/kit/$name" ] || chmod +x "$root/source/kit/$name"
    done
    cp "$KIT/v1_echo/server.c" "$root/submission/my lab/"
    AUTOGRADER=$root bash "$root/source/run_autograder" 3>&-
    python3 -c 'import json, sys
grade = json.load(open(sys.argv[1]))
assert grade["score"] == sum(t["max_score"] for t in grade["tests"]) > 0, grade
' "$root/results/results.json"
    rm "$root/submission/my lab/server.c"
    AUTOGRADER=$root bash "$root/source/run_autograder" 3>&-
    grep -q 'it holds no .c file; it should hold v1_echo/server.c' \
        "$root/results/results.json"
}
