#!/usr/bin/env bats
# tools/classroom50: the autograder, as the runner of Classroom 50 starts it.

load outside.bash

setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v python3 >/dev/null || return 0
    (outside_of_bats && make -s classroom50 STAGE=v1_echo \
        OUT="$BATS_FILE_TMPDIR/up" 3>&- >"$BATS_FILE_TMPDIR/told")
}

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    command -v python3 >/dev/null || skip "no python3 here"
    kit=$PWD up=$BATS_FILE_TMPDIR/up
    here=$BATS_TEST_TMPDIR/checkout
    hers=$here/work
    mkdir -p "$here"
}

# As the runner does: the bundle unpacked elsewhere, and its variables.
grade() {
    mkdir -p "$BATS_TEST_TMPDIR/bundle"
    tar -C "$up" -cf - v1-echo | tar -C "$BATS_TEST_TMPDIR/bundle" -xf -
    cd "$here" || return 1
    run env CLASSROOM=systems ASSIGNMENT=v1-echo ASSIGNMENT_TYPE=individual \
        OWNER=ann USERNAME=ann SUBMISSION_TAG=submit/2026-11-23T06-44-56Z-a1b2c3d \
        COMMIT_URL=https://example.org/commit/1 REVIEW_URL= \
        RELEASE_URL=https://example.org/release/1 "$@" \
        python3 "$BATS_TEST_TMPDIR/bundle/v1-echo/autograder.py" 3>&- </dev/null
    printf '%s\n' "$output"
}

# What its collector asks of result.json, and then the Python on stdin.
result_is() {
    { cat <<'PYTHON'
import json
with open('result.json', encoding='utf-8') as file:
    result = json.load(file)
assert result['schema'] == 'classroom50/result/v1'
assert result['classroom'] == 'systems' and result['owner'] == 'ann'
assert result['assignment'] == 'v1-echo'
assert result['assignment_type'] == 'individual'
assert result['submission'].startswith('submit/2026')
assert result['review'] == result['commit'] == 'https://example.org/commit/1'
assert result['release'] == 'https://example.org/release/1'
tests = result['tests']
for key in ('score', 'max-score'):
    assert type(result[key]) is int
    assert result[key] == sum(test[key] for test in tests)
for test in tests:
    assert type(test['passed']) is bool and test['test-name']
    assert 0 <= test['score'] <= test['max-score']
PYTHON
        cat; } >"$BATS_TEST_TMPDIR/check.py"
    python3 "$BATS_TEST_TMPDIR/check.py"
}

has_program() {
    mkdir -p "$hers/v1_echo"
    cp "${1-$kit/v1_echo/server.c}" "$hers/v1_echo/server.c"
}

@test "a program that holds has full marks" {
    has_program
    grade
    [ "$status" -eq 0 ]
    result_is <<'PYTHON'
assert result['score'] == result['max-score'] > 25
assert len(tests) > 25
PYTHON
    token=$(printf '%s\n' "$output" | sed -n '1s/^::stop-commands:://p')
    [ "${#token}" -eq 32 ]
    prints "^::$token::\$"
    rows=$(awk -F '\t' '$3 == "y"' "$kit/tests/matrix.tsv" | wc -l | tr -d ' ')
    grep -q "^    $rows passed, 0 failed" release-body.md
    lacks -v '^    ' release-body.md
}

@test "a program that fails is graded, and the report is on the release" {
    sed 's/"Your msg = "/"Your message = "/' "$kit/v1_echo/server.c" \
        >"$BATS_TEST_TMPDIR/bad.c"
    has_program "$BATS_TEST_TMPDIR/bad.c"
    grade
    [ "$status" -eq 0 ]
    result_is <<'PYTHON'
assert 0 < result['score'] < result['max-score']
failed = [test for test in tests if not test['passed']]
assert any('Your message = ' in test['output'] for test in failed), failed
PYTHON
    grep -q '^    .*Your message = ' release-body.md
}

@test "where no program is found there are no points, and it is said" {
    mkdir -p "$hers/v2_threads" "$here/v1_echo"
    cp "$kit/v2_threads/server.c" "$hers/v2_threads/"
    cp "$kit/v1_echo/server.c" "$here/v1_echo/" # what is given, not hers
    grade
    [ "$status" -eq 0 ]
    result_is <<'PYTHON'
assert result['score'] == 0 and result['max-score'] > 25
assert 'no .c file' in tests[0]['output'], tests
assert tests[0]['test-name'] == 'work/v1_echo is there'
PYTHON
}

@test "if the grader is in trouble there is no grade, nor one that she wrote" {
    local says
    has_program
    mkdir "$BATS_TEST_TMPDIR/bin"
    # No bats; and one that breaks.
    for says in 'exit 1' '[ "$1" = --version ] && echo "Bats 1.8.2"'; do
        echo '{"score": 1000}' >"$here/result.json"
        printf '#!/bin/sh\n%s\n' "$says" >"$BATS_TEST_TMPDIR/bin/bats"
        chmod +x "$BATS_TEST_TMPDIR/bin/bats"
        grade PATH="$BATS_TEST_TMPDIR/bin:$PATH"
        [ "$status" -ne 0 ]
        prints 'no grade, by no fault of the program'
        [ ! -e result.json ]
    done
    prints 'the grader was in trouble, not the program'
}

@test "what lies where the result goes is replaced, not written through" {
    has_program
    echo precious >"$BATS_TEST_TMPDIR/precious"
    ln -s "$BATS_TEST_TMPDIR/precious" "$here/result.json"
    ln -s "$BATS_TEST_TMPDIR/precious" "$here/release-body.md"
    grade
    [ "$status" -eq 0 ]
    [ "$(cat "$BATS_TEST_TMPDIR/precious")" = precious ]
    [ ! -L result.json ] && [ ! -L release-body.md ]
}

@test "our own program is not in it, and it is the same each time" {
    local stage
    for stage in v1_echo v5_locks client; do
        make -s classroom50 STAGE="$stage" OUT="$BATS_TEST_TMPDIR/a" 3>&- \
            >/dev/null
        tar -tzf "$BATS_TEST_TMPDIR/a/$(echo $stage | tr _ -)/kit.tar.gz" \
            >"$BATS_TEST_TMPDIR/list"
        grep -q '^kit/tools/grade$' "$BATS_TEST_TMPDIR/list"
        lacks -E "^kit/($stage|tests/(mutants|variants|grader|hostile))/" \
            "$BATS_TEST_TMPDIR/list"
    done
    make -s classroom50 STAGE=v1_echo OUT="$BATS_TEST_TMPDIR/b" 3>&- >/dev/null
    diff -r "$up" "$BATS_TEST_TMPDIR/b"
    # The runner takes no more than 10 MiB.
    [ "$(wc -c <"$up/v1-echo/kit.tar.gz")" -lt 5000000 ]
}

@test "an unknown exercise is named, and nothing is written" {
    run make -s classroom50 STAGE=v5_lokcs OUT="$BATS_TEST_TMPDIR/no" 3>&-
    [ "$status" -ne 0 ]
    run make -s classroom50 OUT="$BATS_TEST_TMPDIR/no" 3>&-
    [ "$status" -ne 0 ]
    [ ! -e "$BATS_TEST_TMPDIR/no" ]
}
