#!/usr/bin/env bats
# tools/grade: a class of forty, of all kinds, and what must come of each.

bats_require_minimum_version 1.5.0
load outside.bash

# The class is graded once; the tests look at what came of it.
setup_file() {
    export KIT=$BATS_TEST_DIRNAME/../..
    export IN=$BATS_FILE_TMPDIR/hand-in RESULT=$BATS_FILE_TMPDIR/out
    export CLASS=$RESULT/v1_echo
    command -v python3 >/dev/null || return 0
    python3 "$BATS_TEST_DIRNAME/class.py" "$KIT" "$IN"
    find "$IN" | LC_ALL=C sort >"$BATS_FILE_TMPDIR/before"
    ended=0
    # shellcheck disable=SC2119
    grade >"$BATS_FILE_TMPDIR/told" 2>&1 || ended=$?
    echo "$ended" >"$BATS_FILE_TMPDIR/status"
}

setup() {
    command -v python3 >/dev/null || skip "python3 is not installed"
    outside_of_bats
}

# grade [WORD=...]: make grade of the class, or with other variables.
# shellcheck disable=SC2120 # setup_file wants no others
grade() (
    outside_of_bats
    export KIT_DEADLINE=5
    make -s -C "$KIT" grade HANDIN="$IN" STAGE=v1_echo \
        OUT="$RESULT" "$@" 3>&-
)

# told NAME: the line that was printed about a hand-in.
told() {
    LC_ALL=C awk -v name="$1" 'index($0, name " ") == 1' \
        "$BATS_FILE_TMPDIR/told"
}

# comes_to NAME REGEX: what was printed about a hand-in, and all of it on a miss.
comes_to() {
    told "$1" | grep -q -E -e "$2" || {
        echo "wanted: $1 ... $2"
        echo "told:   $(told "$1")"
        return 1
    }
}

full=$(awk -F '\t' '$3 == "y" { n += $2 } END { print n }' \
    "$BATS_TEST_DIRNAME/../matrix.tsv")

# asks PAGE: runs the Python on stdin over the text of a page, as page.
asks() {
    { printf 'import sys\npage = open(sys.argv[1], encoding="utf-8").read()\n'
        cat; } >"$BATS_TEST_TMPDIR/check.py"
    python3 "$BATS_TEST_TMPDIR/check.py" "$1"
}

@test "a class of forty: each has a verdict, or the reason why not" {
    [ "$(find "$IN" -mindepth 1 -maxdepth 1 | wc -l)" -eq 41 ] # n06 twice
    grep -q '^40 hand-ins: 31 graded, 9 without a verdict' \
        "$BATS_FILE_TMPDIR/told"
    [ "$(cat "$BATS_FILE_TMPDIR/status")" -ne 0 ]
}

@test "twenty honest ones have full marks, however they are packed" {
    for name in a01 a02 a03 a04 a05 a06 a07 a08 a09 a10 a11 a12 a13 a14 a15 \
        a16 a17 a18 a19 a20; do
        comes_to "$name" "$full of $full points$"
    done
}

@test "what was done to a text before it was graded is said" {
    grep -q 'line ends of Windows' "$CLASS/a13/report.txt"
    grep -q 'byte-order mark' "$CLASS/a14/report.txt"
    grep -q 'UTF-16' "$CLASS/a15/report.html"
    cmp "$CLASS/a13/sources/v1_echo/server.c" "$KIT/v1_echo/server.c"
    cmp "$CLASS/a15/sources/v1_echo/server.c" "$KIT/v1_echo/server.c"
}

@test "broken ones lose points, and the first cause is told" {
    comes_to b01 'of [0-9]+ points, first: '
    comes_to b02 '^b02 +0 of .* does not compile'
    comes_to b03 '^b03 +0 of '
    comes_to b04 'does not compile'
    comes_to b05 'does not compile'
    comes_to b06 '^b06 +0 of '
}

@test "a compile error is one short page" {
    [ "$(wc -l <"$CLASS/b02/report.txt")" -lt 25 ]
    grep -q 'does not compile' "$CLASS/b02/report.txt"
    [ "$(grep -c '<details' "$CLASS/b02/report.html")" -lt 4 ]
}

@test "no verdict is not a zero: the report says what was found, and what to do" {
    comes_to n01 'no verdict: more than one folder could be v1_echo: old/v1_echo, v1_echo'
    comes_to n02 'no verdict: it holds no .c file; it should hold v1_echo/server.c'
    comes_to n03 'no verdict: no folder is called v1_echo; there is v2_threads'
    comes_to n04 'no verdict: n04.rar is packed in a way that is not known'
    comes_to n05 'no verdict: the .zip cannot be read'
    comes_to n06 'no verdict: there is more than one hand-in of this name: n06, n06.c'
    comes_to n07 'no verdict: it holds no .c file'
    comes_to n08 'no verdict: it is a symbolic link'
    comes_to n09 'no verdict: the .zip needs a password'
}

@test "hostile ones reach nothing: no name and no byte of them is obeyed" {
    comes_to h01 "$full of $full points"
    comes_to h03 "$full of $full points"
    comes_to h04 "$full of $full points"
    [ "$(find "$BATS_FILE_TMPDIR" "$KIT" /tmp/PWNED* -name 'PWNED*' \
        2>/dev/null | wc -l)" -eq 0 ]
    find "$IN" | LC_ALL=C sort | cmp - "$BATS_FILE_TMPDIR/before"
    lacks -rs "^$(head -n 1 /etc/passwd | cut -c 1-12)" "$CLASS"
}

@test "no markup and no control byte of theirs is in a page" {
    for page in "$CLASS/class.html" "$CLASS/b04/report.html" \
        "$CLASS"/'<img'*/report.html; do
        asks "$page" <<'END'
from html.parser import HTMLParser
class Look(HTMLParser):
    seen = []
    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not any(key.startswith('on') for key, _ in attrs), attrs
look = Look()
look.feed(page)
assert 'img' not in look.seen and look.seen.count('script') == 1, look.seen
assert not [c for c in page if ord(c) < 32 and c not in '\n\t'], 'control byte'
assert "default-src 'none'" in page
END
    done
}

@test "a browser shows the class, and runs no script but ours" {
    browser=$(command -v chromium || command -v google-chrome) ||
        skip "chromium is not installed"
    run "$browser" --headless --no-sandbox --disable-gpu --no-first-run \
        --disable-background-networking --disable-component-update \
        --disable-sync --user-data-dir="$BATS_TEST_TMPDIR/profile" --dump-dom \
        "file://$CLASS/class.html"
    [ "$status" -eq 0 ]
    case $output in *'<title>v1_echo: 40 hand-ins</title>'*) ;; *) false ;; esac
    case $output in *'&lt;img src=x'*) ;; *) false ;; esac
}

# in_browser SCRIPT: prints what a script of ours makes of the class's page. It
# goes into a copy whose policy allows it, behind the page's own.
in_browser() {
    browser=$(command -v chromium || command -v google-chrome) ||
        skip "chromium is not installed"
    python3 - "$CLASS/class.html" "$BATS_TEST_TMPDIR/copy.html" "$1" <<'END'
import base64, hashlib, sys
page = open(sys.argv[1], encoding='utf-8').read()
script = sys.argv[3]
allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
assert page.count('script-src ') == page.count('</body>') == 1
page = page.replace('script-src ', "script-src 'sha256-%s' " % allowed)
page = page.replace('</body>', '<script>%s</script></body>' % script)
open(sys.argv[2], 'w', encoding='utf-8').write(page)
END
    "$browser" --headless --no-sandbox --disable-gpu --no-first-run \
        --disable-background-networking --disable-component-update \
        --disable-sync --user-data-dir="$BATS_TEST_TMPDIR/profile" --dump-dom \
        "file://$BATS_TEST_TMPDIR/copy.html" >"$BATS_TEST_TMPDIR/dom"
    python3 - "$BATS_TEST_TMPDIR/dom" <<'END'
import html, re, sys
dom = open(sys.argv[1], encoding='utf-8').read()
print(html.unescape(re.search('<pre id="said">(.*?)</pre>', dom, re.S)[1]))
END
}

@test "a click on a head sorts the class by it, and another the other way" {
    in_browser "
        const heads = [...document.querySelectorAll('th button')];
        const table = heads[0].closest('table');
        const order = () => [...table.tBodies[0].rows].map(
          row => [row.cells[0].textContent, row.cells[1].dataset.key]);
        const said = [order()];
        // As text, 100 would come before 5.
        [...table.tBodies[0].rows].forEach((row, i) => {
          row.cells[1].dataset.key = 5 * (7 * i % 31); });
        said.push(order());
        const click = name => {
          const head = heads.find(h => h.textContent === name);
          head.click();
          said.push([head.parentNode.getAttribute('aria-sort'),
            document.querySelectorAll('th[aria-sort]').length, order()]);
        };
        for (const name of ['name', 'name', 'points', 'points']) click(name);
        const pre = document.createElement('pre');
        pre.id = 'said';
        pre.textContent = JSON.stringify(said);
        document.body.append(pre);" >"$BATS_TEST_TMPDIR/said"
    python3 - "$BATS_TEST_TMPDIR/said" "$CLASS/grades.csv" <<'END'
import csv, json, sys
first, given, *said = json.load(open(sys.argv[1], encoding='utf-8'))
rows = csv.DictReader(open(sys.argv[2], encoding='utf-8-sig', newline=''))
points = {row['name'].lstrip("'"): row['points'] for row in rows
          if row['final'] == 'yes'}
assert dict(first) == points and len(first) == len(points), (first, points)
for way, marked, order in said:
    assert marked == 1, marked
    assert sorted(order) == sorted(given), order
names, back, up, down = [order for _, _, order in said]
assert [way for way, _, _ in said] == ['ascending', 'descending'] * 2, said
plain = [name for name, _ in names if name.isalnum()]
assert plain == sorted(plain) and len(plain) > 25, plain
assert [name for name, _ in back] == [name for name, _ in names][::-1]
numbers = [int(n) for _, n in up]
assert numbers == [5 * i for i in range(len(points))], numbers
assert [int(n) for _, n in down] == numbers[::-1]
END
}

@test "a report names no path of this machine, and nobody else" {
    for name in a01 b01 b02 n01; do
        lacks -e "$BATS_FILE_TMPDIR" -e "$(cd "$KIT" && pwd)" \
            "$CLASS/$name"/report.*
        lacks -w -e a02 -e b03 "$CLASS/$name"/report.*
    done
    grep -q 'again: make test DIR=work STAGE=v1_echo' "$CLASS/b01/report.txt"
}

@test "the table of grades is safe in a spreadsheet" {
    python3 - "$CLASS/grades.csv" <<'END'
import csv, sys
raw = open(sys.argv[1], 'rb').read()
assert raw.startswith(b'\xef\xbb\xbf'), raw[:20]
rows = list(csv.DictReader(raw.decode('utf-8-sig').splitlines()))
assert len(rows) == 40, len(rows)
assert not [r for r in rows for v in r.values() if v[:1] in ('=', '+', '@')]
by = {r['name']: r for r in rows}
assert by["'=1+2"]['final'] == 'yes', by
assert by['a01']['points'] == by['a01']['max'] == by['a20']['points']
assert by['n01']['points'] == '' and by['n01']['final'] == 'no'
assert by['b02']['built'] == 'no' and by['b02']['points'] == '0'
END
}

@test "the page says which behaviours the class did not get, and which students did not" {
    asks "$CLASS/class.html" <<'END'
missed = page.split('What the class did not get')[1].split('may have copied')[0]
assert 'a message is answered' in missed or 'answer' in missed, missed[:500]
assert 'href="b01/report.html"' in missed
assert 'href="a01/report.html"' not in missed
need = page.split('These need you')[1].split('The class')[0]
assert need.count('<tr>') == 9, need
END
}

@test "a hand-in is graded again only if it has changed" {
    cp "$IN/a01/v1_echo/server.c" "$BATS_TEST_TMPDIR/kept.c"
    stamp=$(cat "$CLASS/a02/graded.json")
    printf '\n' >>"$IN/a01/v1_echo/server.c"
    run grade NAME=a01
    cp "$BATS_TEST_TMPDIR/kept.c" "$IN/a01/v1_echo/server.c"
    [ "$(find "$CLASS/a01/earlier" -name records | wc -l)" -eq 1 ]
    ls "$CLASS/a01/earlier"/*/records/records.tsv
    case $output in *'as before'*) false ;; esac
    run grade NAME=a02
    case $output in *'as before: '*) ;; *) echo "$output"; false ;; esac
    [ "$(cat "$CLASS/a02/graded.json")" = "$stamp" ]
}

@test "a run of a few rows leaves the grade as it is" {
    stamp=$(cat "$CLASS/b01/graded.json" "$CLASS/grades.csv" | cksum)
    run grade NAME=b01 TEST='every message is answered, one after another'
    case $output in *'Your msg = '*) ;; *) echo "$output"; false ;; esac
    [ "$(cat "$CLASS/b01/graded.json" "$CLASS/grades.csv" | cksum)" = "$stamp" ]
    run make -s -C "$KIT" test DIR="$CLASS/b01/sources" STAGE=v1_echo \
        TEST='nc can talk to it' RESULTS="$CLASS/b01/records"
    [ "$status" -ne 0 ]
    case $output in *'holds the grade of all rows'*) ;; *) false ;; esac
}

@test "a second grade of the same files that is lower is told" {
    python3 - "$CLASS/b01" <<'END'
import re, sys
for name, old, new in (('records.tsv', '\t0\t', '\t1\t'),
                       ('run.tsv', '', '')):
    path = '%s/records/%s' % (sys.argv[1], name)
    lines = open(path).read().split('\n')
    if name == 'records.tsv':
        for i, line in enumerate(lines):
            words = line.split('\t')
            if words[5:6] == ['failed'] and words[4] != '0':
                words[3], words[5], words[6], words[8] = words[4], 'passed', '-', '-'
                lines[i] = '\t'.join(words)
                break
    open(path, 'w').write('\n'.join(lines))
END
    run grade NAME=b01 FORCE=1
    case $output in *'the same files had '*) ;; *) echo "$output"; false ;; esac
    grep -q 'the same files had' "$CLASS/class.html"
}
