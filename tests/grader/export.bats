#!/usr/bin/env bats
# tools/export: what a run found, in the formats that others read.
#
# Each test writes a records.tsv and a run.tsv, as tests/run does, and reads
# what comes out with Python's own parsers of JSON, XML and CSV.

bats_require_minimum_version 1.5.0

setup() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    unset CLASSROOM ASSIGNMENT ASSIGNMENT_TYPE OWNER SUBMISSION_TAG \
        COMMIT_URL RELEASE_URL REVIEW_URL
    EXPORT=$BATS_TEST_DIRNAME/../../tools/export
    FOLDER=$BATS_TEST_TMPDIR/results
    mkdir -p "$FOLDER/reports"
    COLUMNS_LINE=$(tsv id rung behaviour points max status how seconds report)
    printf '%s\n' "$COLUMNS_LINE" >"$FOLDER/records.tsv"
}

# tsv WORD...: one line, with tabs between the words.
tsv() {
    local IFS=$'\t'
    printf '%s\n' "$*"
}

# record WORD...: one more line of records.tsv.
record() {
    tsv "$@" >>"$FOLDER/records.tsv"
}

# summary POINTS MAX [FINAL [SUBMISSION]]: run.tsv.
summary() {
    {
        tsv submission "${4:-alice}"
        tsv when 2026-11-23T12:34:56Z
        tsv stage ''
        tsv points "$1"
        tsv max "$2"
        tsv total_seconds 12.5
        tsv final "${3:-yes}"
    } >"$FOLDER/run.tsv"
}

# Two rungs; all that a final run may have.
ordinary_run() {
    record v1/a v1_echo 'it answers' 3 3 passed - 0.412 -
    record v1/b v1_echo 'nc can talk to it' - 2 skipped \
        'nc is not installed' 0.01 -
    record v2/a v2_threads 'it answers' 0 4 failed timeout 20.1 reports/b.txt
    record v2/b v2_threads 'the rest' 1 1 passed - 1 -
    printf 'v2_threads: it answers\n    how:   timeout\n' \
        >"$FOLDER/reports/b.txt"
    summary 4 8
}

# reads: runs the Python on stdin, which finds the four files as they are.
reads() {
    { cat <<'END'; cat; } >"$BATS_TEST_TMPDIR/check.py"
import csv, json, os, sys
import xml.etree.ElementTree as ElementTree
folder = sys.argv[1]
def data(name):
    with open(os.path.join(folder, name), 'rb') as file:
        return file.read()
def there(name):
    return os.path.lexists(os.path.join(folder, name))
grade = json.loads(data('results.json').decode()) if there('results.json') else None
room = json.loads(data('result.json').decode()) if there('result.json') else None
suites = ElementTree.fromstring(data('junit.xml'))
cases = list(suites.iter('testcase'))
rows = list(csv.DictReader(data('records.csv').decode().splitlines()))
def same(seen, expected):
    assert seen == expected, 'expected %r\nseen     %r' % (expected, seen)
END
    python3 "$BATS_TEST_TMPDIR/check.py" "$FOLDER"
}

# refuses MESSAGE: the export fails with that, and leaves all as it was.
refuses() {
    local before
    before=$(cd "$FOLDER" && ls -A)
    run "$EXPORT" "$FOLDER"
    echo "$output"
    [ "$status" -eq 2 ]
    [ "$output" = "export: $1" ]
    [ "$(cd "$FOLDER" && ls -A)" = "$before" ]
}

# --- what is counted ---

@test "export: an ordinary run, in the format of Gradescope" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    reads <<'END'
same(grade['score'], 4)
same(grade['execution_time'], 12.5)
assert grade['output'].startswith('4 of 8 points\n2 passed, 1 failed, 1 skipped')
same(grade['output_format'], 'text')
same(grade['stdout_visibility'], 'hidden')
same(grade['extra_data']['submission'], 'alice')
same(grade['tests'][0], {
    'name': 'v1_echo: it answers', 'number': '1.1', 'score': 3, 'max_score': 3,
    'status': 'passed', 'output': '', 'output_format': 'text',
    'tags': ['v1_echo'], 'visibility': 'visible',
    'extra_data': {'id': 'v1/a', 'how': '-', 'seconds': 0.412}})
same(grade['tests'][1]['status'], 'failed')
same(grade['tests'][1]['number'], '2.1')
same(grade['tests'][1]['output'],
     'v2_threads: it answers\n    how:   timeout\n')
END
}

@test "export: an ordinary run, in the format of Classroom 50" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    reads <<'END'
needed = ['schema', 'classroom', 'assignment', 'assignment_type', 'owner',
          'submission', 'commit', 'release', 'review', 'datetime', 'score',
          'max-score', 'tests']
same(sorted(room), sorted(needed)) # the schema allows no other
same(room['schema'], 'classroom50/result/v1')
same(room['owner'], 'alice')
same(room['assignment_type'], 'individual')
same(room['datetime'], '2026-11-23T12:34:56Z')
assert room['submission'].startswith('submit/')
assert all(room[key] for key in needed)
same((room['score'], room['max-score']), (4, 8))
for test in room['tests']:
    assert type(test['score']) is int and type(test['max-score']) is int
    assert type(test['passed']) is bool and test['test-name']
    assert 0 <= test['score'] <= test['max-score']
same([test['passed'] for test in room['tests']], [True, False, True])
same(room['tests'][1]['test-name'], 'v2_threads: it answers')
END
}

@test "export: Classroom 50's runner says who and what was graded" {
    ordinary_run
    CLASSROOM=cs1 ASSIGNMENT=chat ASSIGNMENT_TYPE=group OWNER=bob \
        SUBMISSION_TAG=submit/1-a COMMIT_URL=http://c RELEASE_URL=http://r \
        "$EXPORT" "$FOLDER"
    reads <<'END'
same([room[key] for key in ('classroom', 'assignment', 'assignment_type',
                            'owner', 'submission', 'commit', 'release')],
     ['cs1', 'chat', 'group', 'bob', 'submit/1-a', 'http://c', 'http://r'])
same(room['review'], 'http://c') # the commit, where there is no diff
END
}

@test "export: an ordinary run, as JUnit XML" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    reads <<'END'
assert data('junit.xml').startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
same(suites.tag, 'testsuites')
same(suites.attrib, {'name': 'alice', 'tests': '4', 'failures': '1',
                     'errors': '0', 'time': '21.522'})
first, second = suites
same(first.attrib, {
    'name': 'v1_echo', 'tests': '2', 'failures': '0', 'errors': '0',
    'skipped': '1', 'time': '0.422', 'timestamp': '2026-11-23T12:34:56Z'})
same([p.attrib for p in second.iter('property')],
     [{'name': 'points', 'value': '1'}, {'name': 'max', 'value': '5'}])
same([(case.get('classname'), case.get('name')) for case in cases],
     [('v1_echo', 'it answers'), ('v1_echo', 'nc can talk to it'),
      ('v2_threads', 'it answers'), ('v2_threads', 'the rest')])
same([[child.tag for child in case] for case in cases],
     [[], ['skipped'], ['failure'], []])
failure = cases[2][0]
same(failure.attrib, {'type': 'timeout', 'message': 'failed: timeout'})
same(failure.text, 'v2_threads: it answers\n    how:   timeout\n')
same(cases[0].get('time'), '0.412')
END
}

@test "export: an ordinary run, as CSV" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    printf '%s\r\n' \
        'submission,when,id,rung,behaviour,status,how,points,max,seconds' \
        'alice,2026-11-23T12:34:56Z,v1/a,v1_echo,it answers,passed,,3,3,0.412' \
        'alice,2026-11-23T12:34:56Z,v1/b,v1_echo,nc can talk to it,skipped,nc is not installed,,0,0.01' \
        'alice,2026-11-23T12:34:56Z,v2/a,v2_threads,it answers,failed,timeout,0,4,20.1' \
        'alice,2026-11-23T12:34:56Z,v2/b,v2_threads,the rest,passed,,1,1,1.0' \
        >"$BATS_TEST_TMPDIR/expected"
    diff "$BATS_TEST_TMPDIR/expected" "$FOLDER/records.csv"
}

@test "export: every format adds up to the same points" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    reads <<'END'
def both(pairs):
    return tuple(sum(int(n or 0) for n in column) for column in zip(*pairs))
same(both((t['score'], t['max_score']) for t in grade['tests']), (4, 8))
same(both((t['score'], t['max-score']) for t in room['tests']), (4, 8))
same(both((r['points'], r['max']) for r in rows), (4, 8))
same(both([p.get('value') for p in suite.iter('property')]
          for suite in suites), (4, 8))
END
}

@test "export: a skipped behaviour is not counted, and says why" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    reads <<'END'
why = 'skipped, and not counted: nc is not installed'
same(grade['output'].split('\n')[2:], ['skipped, and not counted: '
     'v1_echo: nc can talk to it (nc is not installed)'])
assert not [t for t in grade['tests'] if 'nc can' in t['name']]
assert not [t for t in room['tests'] if 'nc can' in t['test-name']]
same((cases[1][0].get('message'), cases[1][0].text), (why, why))
END
}

@test "export: a rung that is not started fails, and says so" {
    record v1/a v1_echo 'it answers' 3 3 passed - 0.412 -
    record v3/a v3_event 'it ends' 0 2 failed absent 0 -
    summary 3 5
    "$EXPORT" "$FOLDER"
    reads <<'END'
same((grade['score'], room['score'], room['max-score']), (3, 3, 5))
test = grade['tests'][1]
same((test['score'], test['max_score'], test['status'], test['output']),
     (0, 2, 'failed', 'failed: v3_event is not started'))
same(cases[1][0].get('type'), 'absent')
same(cases[1][0].text, 'failed: v3_event is not started')
same(rows[1]['how'], 'absent')
END
}

@test "export: points for part of a behaviour stay as they are" {
    record v1/a v1_echo 'it answers' 2 3 failed bytes 0.412 -
    summary 2 3
    "$EXPORT" "$FOLDER"
    reads <<'END'
same((grade['score'], grade['tests'][0]['score']), (2, 2))
same((room['score'], room['tests'][0]['passed']), (2, False))
same(rows[0]['points'], '2')
END
}

# --- without a verdict, there is no grade ---

@test "export: without a verdict there is no grade, and an old one goes" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    [ -f "$FOLDER/results.json" ]
    [ -f "$FOLDER/result.json" ]
    record v2/c v2_threads 'it ends' - 5 error missing 0 -
    summary 4 13 no
    run "$EXPORT" "$FOLDER"
    echo "$output"
    [ "$status" -eq 3 ]
    [ "${lines[0]}" = "export: no grade, for want of a verdict on 1 of 5 behaviours.\
 The grader is in trouble, not the program; the run must be repeated." ]
    [ "${lines[1]}" = "    v2_threads: it ends (missing)" ]
    [ "${#lines[@]}" -eq 2 ]
    reads <<'END'
assert not there('results.json') and not there('result.json')
same(suites.get('errors'), '1')
same(suites[1].get('errors'), '1')
same(suites.get('failures'), '1')
trouble = cases[4][0]
same((trouble.tag, trouble.get('type')), ('error', 'missing'))
same(trouble.text,
     'no verdict (missing): the grader is in trouble, not the program')
same((rows[4]['status'], rows[4]['points'], rows[4]['max']),
     ('error', '', '5'))
END
}

@test "export: that message goes to stderr" {
    record v1/a v1_echo 'it answers' - 3 error harness 1 -
    summary 0 3 no
    run -3 --separate-stderr "$EXPORT" "$FOLDER"
    [ "$output" = '' ]
    # shellcheck disable=SC2154 # It is set by run.
    [ "${stderr_lines[1]}" = "    v1_echo: it answers (harness)" ]
}

@test "export: what the grader said of its trouble is in junit.xml" {
    record v1/a v1_echo 'it answers' - 3 error harness 1 reports/a.txt
    echo 'the peer does not answer' >"$FOLDER/reports/a.txt"
    summary 0 3 no
    run -3 "$EXPORT" "$FOLDER"
    reads <<'END'
same(cases[0][0].text,
     'no verdict (harness): the grader is in trouble, not the program\n'
     'the peer does not answer\n')
END
}

@test "export: a grade comes back once there is a verdict" {
    record v1/a v1_echo 'it answers' - 3 error harness 1 -
    summary 0 3 no
    run -3 "$EXPORT" "$FOLDER"
    printf '%s\n' "$COLUMNS_LINE" >"$FOLDER/records.tsv"
    record v1/a v1_echo 'it answers' 3 3 passed - 1 -
    summary 3 3
    "$EXPORT" "$FOLDER"
    reads <<'END'
same((grade['score'], suites.get('errors')), (3, '0'))
END
}

# --- what a student's program may write ---

@test "export: hostile bytes in a report are shown, and break nothing" {
    record v1/a v1_echo 'it answers' 0 3 failed bytes 0.412 reports/a.txt
    summary 0 3
    # NUL, escape, no UTF-8, XML's and JSON's own, CR, emoji, a C1 control, a
    # surrogate, and the two noncharacters that XML does not have
    python3 - >"$FOLDER/reports/a.txt" <<'END'
import sys
sys.stdout.buffer.write(
    b'nul \0 esc \x1b[31m ff \xff ]]> </failure> <!-- &amp; &#0; " \' \\ cr \r\n'
    b'\ttab \xf0\x9f\x98\x80 \xc2\x9b \xed\xa0\x80 \xef\xbf\xbe \xef\xbf\xbf'
    b' bell \x07 del \x7f\n')
END
    "$EXPORT" "$FOLDER"
    reads <<'END'
shown = (r'nul \0 esc \x1b[31m ff \xff ]]> </failure> <!-- &amp; &#0;'
         ' " \' \\ cr \\r\n\ttab \U0001f600'
         r' \xc2\x9b \xed\xa0\x80 \xef\xbf\xbe \xef\xbf\xbf'
         r' bell \x07 del \x7f' '\n')
same(grade['tests'][0]['output'], shown)
same(room['tests'][0]['output'], shown)
same(cases[0][0].text, shown)
same(len(cases), 1)
for name in ('results.json', 'result.json', 'junit.xml', 'records.csv'):
    bad = [b for b in data(name) if b < 32 and b not in b'\r\n\t' or b == 127]
    same((name, bad), (name, []))
END
}

@test "export: every single byte can be in a report" {
    record v1/a v1_echo 'it answers' 0 3 failed bytes 0.412 reports/a.bin
    summary 0 3
    python3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 2)' \
        >"$FOLDER/reports/a.bin"
    "$EXPORT" "$FOLDER"
    reads <<'END'
same(cases[0][0].text, grade['tests'][0]['output'])
assert '\\x80\\x81' in cases[0][0].text and '\\xfe\\xff' in cases[0][0].text
END
}

@test "export: hostile bytes in names are shown, and break nothing" {
    record v1/a v1_echo $'a \x1b[2J title \xff "<&' 3 3 passed - 0.412 -
    record v1/b v1_echo 'another' - 1 skipped $'no \x07 "nc" <&>' 0.412 -
    summary 3 3 yes $'\x1b]0;mallory\x07 "<&>, \xff'
    "$EXPORT" "$FOLDER"
    reads <<'END'
who = r'\x1b]0;mallory\x07 "<&>, \xff'
title = r'a \x1b[2J title \xff "<&'
same((suites.get('name'), room['owner'], rows[0]['submission']), (who,) * 3)
same((cases[0].get('name'), rows[0]['behaviour']), (title, title))
same(grade['tests'][0]['name'], 'v1_echo: ' + title)
same(rows[1]['how'], r'no \x07 "nc" <&>')
END
}

@test "export: of a long report both ends are shown" {
    record v1/a v1_echo 'it answers' 0 3 failed bytes 0.412 reports/a.txt
    summary 0 3
    python3 -c 'print("BEGIN" + "\U0001f600" * 262144 + "END.")' \
        >"$FOLDER/reports/a.txt" # 1 MiB and more, and cut within emoji
    "$EXPORT" "$FOLDER"
    reads <<'END'
for text in (grade['tests'][0]['output'], cases[0][0].text):
    size = len(text.encode())
    assert 65000 < size < 65 * 1024 + 300, size
    head, middle, tail = text.splitlines()
    assert head.startswith('BEGIN\U0001f600') and tail.endswith('\U0001f600END.')
    same(set(head[5:] + tail[:-4]), {'\U0001f600'})
    left_out = os.path.getsize(os.path.join(folder, 'reports/a.txt')) - len(
        (head + tail + '\n').encode())
    same(middle, '[... %d bytes left out; all of it is in reports/a.txt ...]'
         % left_out)
assert len(room['tests'][0]['output']) < 2100
assert room['tests'][0]['output'].endswith('END.\n')
END
}

@test "export: a report of 64 KiB is shown whole" {
    record v1/a v1_echo 'it answers' 0 3 failed bytes 0.412 reports/a.txt
    summary 0 3
    python3 -c 'print("x" * 65535)' >"$FOLDER/reports/a.txt"
    "$EXPORT" "$FOLDER"
    reads <<'END'
same(grade['tests'][0]['output'], 'x' * 65535 + '\n')
END
}

@test "export: hundreds of long reports do not make files too big to take" {
    for i in {1..400}; do
        record "v1/$i" v1_echo "row $i" 0 1 failed bytes 1 reports/a.txt
    done
    summary 0 400
    python3 -c 'import sys; sys.stdout.buffer.write(b"\xff" * 500000)' \
        >"$FOLDER/reports/a.txt"
    "$EXPORT" "$FOLDER"
    reads <<'END'
assert len(data('result.json')) < 10 * 1024 * 1024 # what Classroom 50 takes
assert len(data('junit.xml')) < 30 * 1000 * 1000 # what GitLab takes
assert len(data('results.json')) < 30 * 1000 * 1000
END
}

@test "export: a spreadsheet takes no cell for a formula" {
    record v1/a v1_echo '-h prints the usage' 1 1 passed - 1 -
    record v1/b v1_echo '+1' 0 1 failed '@SUM(1)' 1 -
    record v1/c v1_echo 'a = b' 0 1 failed $'\xef\xbc\x9dA1' 1 -
    summary 1 3 yes '=HYPERLINK("http://evil","x")'
    "$EXPORT" "$FOLDER"
    reads <<'END'
same({row['submission'] for row in rows}, {"'=HYPERLINK(\"http://evil\",\"x\")"})
same([row['behaviour'] for row in rows], ["'-h prints the usage", "'+1", 'a = b'])
same([row['how'] for row in rows], ['', "'@SUM(1)", "'\uff1dA1"])
same(grade['tests'][0]['name'], 'v1_echo: -h prints the usage')
END
}

# --- what is refused ---

@test "export: a line with too few or too many words is refused" {
    ordinary_run
    record v3/a v3_event title 1 1 passed - 1
    refuses 'records.tsv:6: 8 columns, and not 9'
    sed -i.bak '$d' "$FOLDER/records.tsv"
    record v3/a v3_event title 1 1 passed - 1 - more
    refuses 'records.tsv:6: 10 columns, and not 9'
}

@test "export: an unknown status is refused" {
    ordinary_run
    record v3/a v3_event title 1 1 PASSED - 1 -
    refuses "records.tsv:6: status is 'PASSED', and none of passed, failed, error, skipped"
}

@test "export: an id that comes twice is refused" {
    ordinary_run
    record v1/b v3_event title 1 1 passed - 1 -
    refuses 'records.tsv:6: the id v1/b is that of line 3'
}

@test "export: more points than there are is refused" {
    ordinary_run
    record v3/a v3_event title 2 1 passed - 1 -
    refuses 'records.tsv:6: 2 points, and max is 1'
}

@test "export: what is no whole number is refused" {
    local word
    for word in 1.5 -1 x '' ' 1' 1e3 $'\xd9\xa3' 0x1; do
        ordinary_run
        record v3/a v3_event title "$word" 4 failed bytes 1 -
        run "$EXPORT" "$FOLDER"
        echo "'$word': $output"
        [ "$status" -eq 2 ]
        case $output in
            "export: records.tsv:6: points is '$word', and no whole number") ;;
            *) return 1 ;;
        esac
        printf '%s\n' "$COLUMNS_LINE" >"$FOLDER/records.tsv"
    done
    ordinary_run
    record v3/a v3_event title 0 many failed bytes 1 -
    refuses "records.tsv:6: max is 'many', and no whole number"
}

@test "export: passed or failed without points is refused, and points without a verdict" {
    ordinary_run
    record v3/a v3_event title - 1 failed bytes 1 -
    refuses "records.tsv:6: points is '-', and no whole number"
    sed -i.bak '$d' "$FOLDER/records.tsv"
    record v3/a v3_event title 0 1 error harness 1 -
    refuses "records.tsv:6: points is '0', and not -, but the status is error"
}

@test "export: seconds with a comma are refused" {
    ordinary_run
    record v3/a v3_event title 1 1 passed - 0,412 -
    refuses "records.tsv:6: seconds is '0,412', and no number such as 0.412"
}

@test "export: an empty word is refused" {
    ordinary_run
    record v3/a v3_event '' 1 1 passed - 1 -
    refuses 'records.tsv:6: behaviour is empty'
}

@test "export: another header, or none, is refused" {
    ordinary_run
    sed -i.bak 1d "$FOLDER/records.tsv"
    refuses "records.tsv:1: the header must be: id rung behaviour points max status how seconds report"
    : >"$FOLDER/records.tsv"
    refuses "records.tsv:1: the header must be: id rung behaviour points max status how seconds report"
}

@test "export: no behaviour at all is refused" {
    summary 0 0
    refuses 'records.tsv:1: no behaviour follows the header'
}

@test "export: a line that was cut short is refused" {
    ordinary_run
    printf 'v3/a\tv3_event' >>"$FOLDER/records.tsv"
    refuses 'records.tsv:6: the line has no end: was the run cut short?'
}

@test "export: a run.tsv that tells of another run is refused" {
    ordinary_run
    summary 5 8
    refuses 'run.tsv: points is 5, but records.tsv adds up to 4'
    summary 4 10
    refuses 'run.tsv: max is 10, but records.tsv adds up to 8'
    summary 4 8 no
    refuses "run.tsv: final is 'no', but by records.tsv it is 'yes'"
    record v2/c v2_threads 'it ends' - 5 error missing 0 -
    summary 4 13
    refuses "run.tsv: final is 'yes', but by records.tsv it is 'no'"
}

@test "export: a run.tsv that is not as it must be is refused" {
    ordinary_run
    tsv points 4 >>"$FOLDER/run.tsv"
    refuses 'run.tsv:8: points comes twice'
    summary 4 8
    tsv one two three >>"$FOLDER/run.tsv"
    refuses 'run.tsv:8: 3 columns, and not 2'
    summary 4 8 maybe
    refuses "run.tsv:7: final is 'maybe', which does not match yes|no"
    summary 4 8
    sed -i.bak /when/d "$FOLDER/run.tsv"
    refuses 'run.tsv: there is no when'
    rm "$FOLDER/run.tsv"
    run "$EXPORT" "$FOLDER"
    [ "$status" -eq 2 ]
    case $output in export:*run.tsv*) ;; *) return 1 ;; esac
}

@test "export: a report outside of the folder, or none, is refused" {
    local path
    echo secret >"$BATS_TEST_TMPDIR/secret"
    ln -s "$BATS_TEST_TMPDIR/secret" "$FOLDER/reports/link"
    ln -s "$BATS_TEST_TMPDIR" "$FOLDER/up"
    mkfifo "$FOLDER/reports/pipe"
    for path in ../secret "$BATS_TEST_TMPDIR/secret" reports/link up/secret \
        reports reports/none reports/pipe; do
        ordinary_run
        record v3/a v3_event title 0 1 failed bytes 1 "$path"
        refuses "records.tsv:6: there is no report '$path' in the folder"
        printf '%s\n' "$COLUMNS_LINE" >"$FOLDER/records.tsv"
    done
}

@test "export: what is refused leaves an earlier grade alone" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    cp -R "$FOLDER" "$BATS_TEST_TMPDIR/before"
    summary 5 8
    refuses 'run.tsv: points is 5, but records.tsv adds up to 4'
    for f in results.json result.json junit.xml records.csv; do
        cmp "$BATS_TEST_TMPDIR/before/$f" "$FOLDER/$f"
    done
}

# --- the tool itself ---

@test "export: where a file cannot be written, none is half written" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    cp -R "$FOLDER" "$BATS_TEST_TMPDIR/before"
    python3 -c 'print("x" * 60000)' >"$FOLDER/reports/b.txt"
    run bash -c 'ulimit -f 8; exec "$@"' - "$EXPORT" "$FOLDER"
    echo "$output"
    [ "$status" -eq 2 ]
    for f in results.json result.json junit.xml records.csv; do
        cmp "$BATS_TEST_TMPDIR/before/$f" "$FOLDER/$f"
    done
    [ "$(cd "$FOLDER" && ls -A)" = "$(cd "$BATS_TEST_TMPDIR/before" && ls -A)" ]
}

@test "export: nothing but the four files is left" {
    ordinary_run
    "$EXPORT" "$FOLDER"
    "$EXPORT" "$FOLDER/"
    find "$FOLDER" -mindepth 1 -exec basename {} \; | LC_ALL=C sort \
        >"$BATS_TEST_TMPDIR/seen"
    printf '%s\n' b.txt junit.xml records.csv records.tsv reports result.json \
        results.json run.tsv | diff - "$BATS_TEST_TMPDIR/seen"
}

@test "export: others may read the files as the umask says" {
    ordinary_run
    umask 022
    "$EXPORT" "$FOLDER"
    [ -z "$(find "$FOLDER" -name 'result*.json' ! -perm 644)" ]
}

@test "export: it does not mind the locale" {
    record v1/a v1_echo $'a title with \xc3\xa9' - 3 error harness 1 -
    summary 0 3 no $'jos\xc3\xa9'
    run -3 env LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "$EXPORT" "$FOLDER"
    echo "$output"
    reads <<'END'
same((cases[0].get('name'), rows[0]['submission']), ('a title with \xe9', 'jos\xe9'))
END
}

@test "export: -h tells what it does; a wrong word is answered with the usage" {
    run -0 "$EXPORT" -h
    [ "${lines[0]}" = "export: writes what a graded run found in the formats that others read." ]
    run -2 "$EXPORT"
    [ "$output" = "usage: tools/export FOLDER (-h tells more)" ]
    run -2 "$EXPORT" "$FOLDER" more
    run -2 "$EXPORT" --frob
    run -2 "$EXPORT" "$FOLDER/none"
    [ "$output" = "export: $FOLDER/none: no such folder" ]
}

@test "export: started from another folder, it writes nothing beside itself" {
    local kit=$BATS_TEST_TMPDIR/kit
    ordinary_run
    mkdir "$kit" "$BATS_TEST_TMPDIR/bin"
    cp -R "$EXPORT" "$EXPORT.d" "$kit/"
    rm -rf "$kit/export.d/__pycache__"
    find "$kit" | LC_ALL=C sort >"$BATS_TEST_TMPDIR/before"
    ln -s "$kit/export" "$BATS_TEST_TMPDIR/bin/linked"
    cd "$FOLDER"
    env -u PYTHONDONTWRITEBYTECODE "$kit/export" .
    env -u PYTHONDONTWRITEBYTECODE "$BATS_TEST_TMPDIR/bin/linked" .
    chmod -R a-w "$kit"
    "$kit/export" .
    chmod -R u+w "$kit"
    find "$kit" | LC_ALL=C sort | diff "$BATS_TEST_TMPDIR/before" -
    reads <<'END'
same((grade['score'], room['score'], len(cases), len(rows)), (4, 4, 4, 4))
END
}
