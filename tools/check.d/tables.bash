# tables.bash: whether the matrix, the tests, the hints and the mistakes agree.
# Read by tools/check.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

check_matrix() {
    local p
    export LC_ALL=C # for sort(1) and comm(1) to agree
    columns | grep -vx -e socketserver -e chat | while read -r p; do
        [ -f "$p/Makefile" ] && [ -f "$(source_of "$p")" ] ||
            echo "tests/matrix.tsv has a column $p, and there is no such program"
    done
    for p in v[0-9]*_*/; do
        columns | grep -qx "${p%/}" ||
            echo "${p%/} has no column in tests/matrix.tsv"
    done

    grep -H '^@test ' tests/*.bats >"$work/tests.raw"
    grep -v '^[^:]*:@test ".*" {$' "$work/tests.raw" |
        sed 's/$/   <- not of the form: @test "TITLE" {/'
    sed -n 's/^[^:]*:@test "\(.*\)" {$/\1/p' "$work/tests.raw" |
        sort >"$work/tests"
    tail -n +2 tests/matrix.tsv | grep -v '^#' | cut -f 1 >"$work/titles"
    sort "$work/titles" >"$work/rows"
    uniq -d "$work/tests" | sed 's/^/more than one @test: /'
    uniq -d "$work/rows" | sed 's/^/more than one row in tests\/matrix.tsv: /'
    uniq "$work/tests" >"$work/tests.once"
    uniq "$work/rows" >"$work/rows.once"
    comm -23 "$work/tests.once" "$work/rows.once" |
        sed 's/^/an @test without a row in tests\/matrix.tsv: /'
    comm -13 "$work/tests.once" "$work/rows.once" |
        sed 's/^/a row of tests\/matrix.tsv without an @test: /'

    awk -F '\t' '
        FILENAME != "tests/matrix.tsv" { if ($3 != "") flaw["n:" $1]; next }
        FNR == 1 { width = NF; split($0, column); next }
        /^#/ { next }
        { here = "tests/matrix.tsv:" FNR ": " }
        NF != width { print here NF " cells, and not " width; next }
        $2 !~ /^[0-9]+$/ { print here "the points are no integer: " $2 }
        {
            asked = 0
            for (i = 3; i <= NF; i++) {
                if ($i != "-")
                    asked = 1
                if ($i !~ /^[y-]$/ && !($i in flaw))
                    print here column[i] ": no such verdict: \"" $i "\""
            }
            if (!asked)
                print here "asked of no rung: " $1
        }' tests/verdict/classes.tsv tests/matrix.tsv

    # What a row rests on is a row, and rests on nothing that rests on it.
    awk -F '\t' '
        FILENAME == "tests/matrix.tsv" { row[$1]; next }
        /^#/ { next }
        {
            for (i = 1; i <= NF; i++)
                if (!($i in row) && $i !~ /^\[.*\]$/) print "tests/rests.tsv: no such row: " $i
            for (i = 2; i <= NF; i++) on[$1] = on[$1] "\t" $i
        }
        function rests(t, end, depth,    n, i, part) {
            n = split(substr(on[t], 2), part, "\t")
            for (i = 1; i <= n && depth < 20; i++)
                if (part[i] == end || rests(part[i], end, depth + 1)) return 1
            return depth == 20
        }
        END {
            for (t in on)
                if (rests(t, t, 0)) print "tests/rests.tsv: in a circle: " t
        }' tests/matrix.tsv tests/rests.tsv

    if [ ! -f tests/hints.tsv ]; then
        echo "tests/hints.tsv is not there"
        return
    fi
    grep -v '^#' tests/hints.tsv >"$work/hints"
    cut -f 1 "$work/hints" | diff "$work/titles" - |
        sed -n 's/^< /tests\/hints.tsv does not have, at its place: /p
            s/^> /tests\/hints.tsv has, and the matrix not there: /p'
    awk -F '\t' '
        function say(what) { print "tests/hints.tsv:" NR ": " what }
        NR == 1 && $0 != "# behaviour\tquestion\tnotes\tman\tanswer" {
            say("line 1 is not the names of the five columns")
        }
        /^#/ { next }
        NF != 5 { say(NF " cells, and not 5"); next }
        index($2, "?") != length($2) { say("not one question: " $2) }
        {
            pages = split($4, page, ", ")
            if (pages < 1 || pages > 3)
                say(pages " man pages, and not 1 to 3")
            for (i = 1; i <= pages; i++)
                if (page[i] !~ /^[a-z_0-9]+\([0-9]p?\)( \([^()]+\))?$/)
                    say("no man page: \"" page[i] "\"")
        }
        $2 == "" || $5 == "" { say("an empty cell") }
        length($5) > 320 {
            say("an answer of " length($5) " characters, and not 320")
        }' tests/hints.tsv
    cut -f 3 "$work/hints" | grep . | sort -u |
        while read -r p; do
            [ -f "notes/$p.md" ] ||
                echo "tests/hints.tsv: there is no chapter notes/$p.md"
        done
    check_mistakes
    pages_are_there
    leads_are_asked
}

# A mistake is one of a rung, and names rows that must hold there.
check_mistakes() {
    awk -F '\t' '
        FILENAME == "tests/matrix.tsv" {
            if (FNR == 1) for (i = 3; i <= NF; i++) rungs[column[i] = $i]
            else for (i = 3; i <= NF; i++) cell[$1, column[i]] = $i
            if (FNR > 1) rows[$1]
            next
        }
        FNR == 1 {
            tell_of_the_last()
            file = rung = FILENAME
            sub(/.*\//, "", rung)
            sub(/-.*/, "", rung)
            head = 1
            named = 0
            if (!(rung in rungs)) print file ": there is no rung " rung
        }
        /^diff / { head = 0 }
        head && sub(/^Killed-by: */, "") {
            named++
            if (!($0 in rows))
                print file ": Killed-by names no row of the matrix: " $0
            else if ((rung in rungs) && cell[$0, rung] != "y")
                print file ": on " rung " it is " cell[$0, rung] \
                    " in the matrix, and not y: " $0
        }
        function tell_of_the_last() {
            if (file != "" && !named)
                print file ": no line Killed-by: TITLE before the difference"
        }
        END { tell_of_the_last() }' tests/matrix.tsv tests/mutants/*.patch
}

# Each exercise names its man pages.
pages_are_there() {
    diff <(columns | grep -vx socketserver | sort) \
        <(grep -v '^#' tests/pages.tsv | cut -f 1 | sort) |
        sed -n 's/^< /tests\/pages.tsv does not have: /p
            s/^> /tests\/pages.tsv has twice, or of no exercise: /p'
}

# Each line is about a question that a report asks, and leads to a chapter, or
# to that of the rung ("-").
leads_are_asked() {
    local asked chapter man answer all
    all=$(awk '{ sub(/^ +"/, ""); sub(/" \\$/, " "); printf "%s", $0 }' \
        tests/verdict/questions.bash | sed 's/\\"/"/g')
    while IFS=$'\t' read -r asked chapter man answer; do
        case $asked in '#'*) continue ;; esac
        case $all in
            *"$asked"*) ;;
            *) echo "tests/verdict/leads.tsv: no report asks: $asked" ;;
        esac
        [ "$chapter" = - ] || [ -f "notes/$chapter.md" ] && [ -n "$man" ] && [ -n "$answer" ] ||
            echo "tests/verdict/leads.tsv: no chapter, or an empty cell: $asked"
    done <tests/verdict/leads.tsv
}
