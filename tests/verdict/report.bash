# report.bash: what tests/run prints, of the verdicts (see judge.bash) and of
# the records (see record.bash).
#
# shellcheck disable=SC2154 # The variables are those of tests/run.


# --- the scoreboard ---

# A bar a rung, the points reached and possible, and the total. What was skipped
# is not possible here; what has no verdict is neither. It comes to the file
# board, too, for tools/watch.
scoreboard() {
    awk -F '\t' -v green="$green" -v red="$red" -v dim="$dim" -v bold="$bold" \
        -v plain="$plain" -v ours="$ours" '
        function bar(reached, possible,    full, i, b) {
            full = possible ? int(20 * reached / possible) : 0
            for (i = 1; i <= 20; i++)
                b = b (i <= full ? "#" : ".")
            return b
        }
        !($1 in all) { order[++rungs] = $1 }
        { all[$1]++; verdicts[$1, $4]++; how[$1, $5]++ }
        $7 != "-" { reached[$1] += $7; possible[$1] += $8 }
        END {
            for (i = 1; i <= rungs; i++) {
                s = order[i]
                total += reached[s]; most += possible[s]
                color = reached[s] == possible[s] ? green : red
                note = ""
                if (verdicts[s, "failed"])
                    note = verdicts[s, "failed"] " of " all[s] " fail"
                if (how[s, "build"]) note = "does not compile"
                if (how[s, "unstarted"]) note = "does not start"
                if (how[s, "absent"]) {
                    color = dim
                    note = "not started" \
                        (ours == "yes" ? "" : ": make start STAGE=" s \
                            ENVIRON["KIT_HINTS"])
                }
                if (verdicts[s, "skipped"])
                    note = note (note ? ", " : "") verdicts[s, "skipped"] \
                        " skipped"
                if (verdicts[s, "error"])
                    note = note (note ? ", " : "") verdicts[s, "error"] \
                        " without a verdict"
                printf "  %-16s %s%s%s %4d of %4d points  %s\n", s, color, \
                    bar(reached[s], possible[s]), plain, reached[s], \
                    possible[s], dim note plain
            }
            if (rungs > 1)
                printf "  %s%-16s %s %4d of %4d points%s\n", bold, "total", \
                    bar(total, most), total, most, plain
        }' "$work/verdicts" | sed 's/ *$//' >"$work/board"
    cat "$work/board"
    [ "$dir" != . ] || [ ! -d work ] ||
        echo "  These are the kit's own programs. Yours: make test DIR=work"
}

# --- warnings of the compiler ---

# They cost nothing; the first few of each rung.
warnings() {
    local s n
    cut -f 1 "$work/plan" | uniq | while read -r s; do
        [ -x "$KIT_BUILD/plain/$s" ] || continue
        n=$(grep -a -c 'warning:' "$KIT_BUILD/plain/$s.log" 2>/dev/null)
        [ "${n:-0}" -gt 0 ] || continue
        printf '\n%s compiles, with %s warning%s, which may well be right:\n' \
            "$s" "$n" "$([ "$n" -eq 1 ] || echo s)"
        grep -a 'warning:' "$KIT_BUILD/plain/$s.log" | head -n 3 | readable |
            sed 's/^/    /'
    done
}

# Bytes that a terminal would obey are shown, not sent; what a student is sent
# names no path of this machine.
readable() {
    if [ -n "$results" ]; then
        "$KIT_TOOLS/readable" "$work" "$(cd "$dir" && pwd)" "$KIT_ROOT" \
            "${HOME:-/}" "${TMPDIR:-/tmp}"
    else
        "$KIT_TOOLS/readable"
    fi
}

# --- what was not taken ---

# The names are as tests/sandbox/intake prints them: fit to be read.
left_out() {
    local s
    while read -r s; do
        [ -s "$KIT_BUILD/src/$s.left" ] || continue
        printf '\n%s: left out:\n' "$s"
        LC_ALL=C sort "$KIT_BUILD/src/$s.left" | awk -F '\t' '{
            printf "    %-24s %s\n", $1 == "." ? "the folder" : $1, $2
        }'
    done <"$work/planned"
}

# --- failures ---

# The cells that are not as they should be, first causes first: of each rung
# what does not start or ran into a sanitizer, then in the order of the matrix.
in_order() {
    awk -F '\t' '
        $6 != "no" { next }
        !($1 in rung) { rung[$1] = ++rungs }
        {
            cause = $5 == "start" ? 1 : $5 == "unstarted" ? 2 : \
                $5 == "sanitizer" ? 3 : 4
            print rung[$1] "\t" cause "\t" NR "\t" $0
        }' "$work/verdicts" | sort -t "$(printf '\t')" -k 1,1n -k 2,2n -k 3,3n |
        cut -f 4-
}

# Adds to each of these the title that it rests on, or "-": one that fails, too,
# by tests/rests.tsv; or an earlier one that failed in the same place of the
# program, or ended in the same way. A crash never rests on what is merely wrong.
with_causes() {
    awk -F '\t' -v OFS='\t' '
        function breaks(how) {
            return how ~ /^(sanitizer|race|leak|sigpipe|signal|exit)/
        }
        # A title that fails, too, and that this one rests on; or "". Where the
        # kind of failure stands in the table, in brackets, what stands behind
        # that comes first; of those themselves, none rests on a later one.
        function support(s, t,    n, i, on, kind) {
            if (how[s, t] == "start") return ""
            if (how[s, t] == "unstarted" && s in start) return start[s]
            kind = rests["[" failed_in[s, t] "]"]
            n = split(kind, on, "\t")
            for (i = 1; i <= n; i++) {
                if (on[i] == t) return ""
                if ((s, on[i]) in how) return on[i]
            }
            n = split(rests[t], on, "\t")
            for (i = 1; i <= n; i++)
                if ((s, on[i]) in how &&
                    (!breaks(how[s, t]) || how[s, t] == how[s, on[i]]))
                    return on[i]
            return ""
        }
        # Of those that fail in the same place and rest on nothing, the first;
        # one that is the lesson of the rung comes before others.
        function leader(s, group,    i, t, found) {
            for (i = 1; i <= n; i++) {
                t = title[i]
                if (rung[i] != s || same[s, t] != group || support(s, t) != "")
                    continue
                if (own[s, t]) return t
                if (found == "") found = t
            }
            return found
        }
        function cause(s, t, depth,    on) {
            on = support(s, t)
            if (on != "" && depth < 20) return cause(s, on, depth + 1)
            return same[s, t] == "" ? t : leader(s, same[s, t])
        }
        FILENAME ~ /\/found$/ { place[$1, $2] = $6; next }
        FILENAME ~ /\/plan$/ { own[$1, $3] = ($2 == $1 ".bats"); next }
        FILENAME == "tests/rests.tsv" {
            rests[$1] = substr($0, length($1) + 2)
            next
        }
        pass == 1 {
            rung[++n] = $1; title[n] = $2; how[$1, $2] = $5
            if ($5 == "start") start[$1] = $2
            failed_in[$1, $2] = place[$1, $10]
            if (breaks($5) || place[$1, $10] != "")
                same[$1, $2] = $5 SUBSEP place[$1, $10]
            next
        }
        { t = cause($1, $2, 0); print $0, (t == $2 ? "-" : t) }
    ' "$work/found" "$work/plan" tests/rests.tsv pass=1 "$work/failing" pass=2 \
        "$work/failing"
}

# Those that rest on no other.
causes() {
    awk -F '\t' '$11 == "-"' "$work/in_order"
}

# Every cause in full, and under it what rests on it. A rung that does not
# compile shows its first error and nothing else; one that never starts, shows
# that once. The first comes to the file first, too, for tools/watch.
failures() {
    local s t want verdict class row cause said=''
    in_order >"$work/failing"
    with_causes >"$work/in_order"
    : >"$work/first"
    while IFS=$'\t' read -r s t want verdict class _ _ _ _ row cause; do
        if [ "$said" = "$s" ] || [ "$cause" != - ]; then
            continue
        fi
        one_failure >"$work/told"
        if [ "$class" = build ] || [ -e "$KIT_RECORDS/$s.never_starts" ]; then
            said=$s
            others_wait >>"$work/told"
        else
            what_rests >>"$work/told"
        fi
        cat "$work/told"
        [ -s "$work/first" ] || sed '/./,$!d' "$work/told" >"$work/first"
    done <"$work/in_order"
}

# What fails with this one, a line each.
what_rests() {
    RUNG=$s TITLE=$t awk -F '\t' '
        $1 != ENVIRON["RUNG"] || $11 != ENVIRON["TITLE"] { next }
        !n++ { print "    also:  these fail, too, most likely for the same reason" }
        n <= 6 { print "      - " $2 " (" $5 ")" }
        END { if (n > 6) print "      - and " n - 6 " more" }' "$work/in_order"
}

# What else fails on the rung, where the first failure is cause enough.
others_wait() {
    local n
    n=$(cut -f 1 "$work/in_order" | grep -cx "$s")
    [ "$n" -eq 1 ] ||
        printf '    This comes first; behaviours that wait for it: %s.\n' \
            $((n - 1))
}

one_failure() {
    if [ "$class" = build ]; then
        compile_error "$s"
    elif [ "$class" = start ] && [ -e "$KIT_RECORDS/$s.never_starts" ]; then
        # In no test: it does not matter in which one that was seen first.
        printf '\n%s%s does not start:%s\n' "$bold" "$s" "$plain"
        report_of "$s" "$row" | readable |
            sed "1d; /^    more: /d; s/^\\(    again: .*\\) TEST=.*/\\1/"
    elif [ "$verdict" = passed ]; then
        printf '\n%s%s: %s%s\n    holds, but the matrix says %s\n' \
            "$bold" "$s" "$t" "$plain" "$want"
    elif [ "$class" = missing ] || [ "$class" = double ] ||
        [ "$class" = unconfirmed ]; then
        no_verdict
    else
        printf '\n'
        [ "$want" = y ] || printf '(the matrix says %s for this one)\n' "$want"
        report_of "$s" "$row" | readable
    fi
}

no_verdict() {
    local b
    printf '\n%s%s: %s%s\n    how:   %s (%s)\n' "$bold" "$s" "$t" "$plain" \
        "$class" "$(explain "$class")"
    printf '    what bats said:\n'
    grep -l "^$row$(printf '\t')" "$work"/batches/*[0-9] 2>/dev/null | while read -r b; do
        [ "$(head -n 1 "$b")" != "$s" ] ||
            readable <"$b.out" | sed 's/^/    | /' | head -n 30
    done
}

complaint='error:|undefined reference|multiple definition|Undefined symbols'
compile_error() {
    printf '\n%s%s does not compile:%s\n' "$bold" "$1" "$plain"
    grep -a -q -E "$complaint" "$KIT_BUILD/asan/$1.log" ||
        echo '    the compiler gave up; its last words:'
    awk -v complaint="$complaint" '
        said && /(error|warning|note): / { exit }
        $0 ~ complaint { said = 1 }
        said { print "    " $0 }
        { last = $0 }
        END { if (!said) print "    " last }' "$KIT_BUILD/asan/$1.log" |
        head -n 5 | readable
    printf '    again: make %s STAGE=%s\n' "$KIT_AGAIN" "$1"
}

# Long lists scroll away: the last word says where to begin.
start_with() {
    local s t want verdict class
    causes >"$work/causes"
    [ "$(wc -l <"$work/causes")" -gt 1 ] || return 0
    IFS=$'\t' read -r s t want verdict class _ <"$work/causes"
    case $class in
        build) printf '\n%s does not compile: mend that first.\n' "$s" ;;
        start) printf '\n%s does not start: mend that first.\n' "$s" ;;
        *) printf '\nStart with the first: %s%s: %s%s\n' "$bold" "$s" "$t" \
            "$plain" ;;
    esac
}

# Of a rung that lacks something here all rows are: one line tells them.
skips() {
    local s what
    awk -F '\t' '
        FILENAME ~ /\/lacking$/ { lacking[$1]; next }
        $4 == "skipped" && !($1 in lacking) { n[$2 "\t" $5]++ }
        END { for (k in n) { split(k, p, "\t"); print "  skipped: " p[1] " (" p[2] ")" } }' \
        "$work/lacking" "$work/verdicts" | sort
    while IFS=$'\t' read -r s what; do
        # shellcheck disable=SC2086 # Each word is a tool.
        printf '  skipped: all of %s (no %s here: %s)\n' "$s" \
            "${what// /, no }" "$(tools/doctor --install $what)"
    done <"$work/lacking"
}

say_trouble() {
    printf '\nWithout a verdict: the grader itself was in trouble, not the'
    printf ' program.\nThis counts neither as passed nor as failed; run it'
    printf ' again:\n'
    awk -F '\t' '$4 == "error" { print "    " $1 ": " $2 " (" $5 ")" }' \
        "$work/verdicts"
}

# --- the matrix ---

# What holds, what is known not to, and what is not as it says.
table() {
    awk -F '\t' -v green="$green" -v red="$red" -v dim="$dim" -v bold="$bold" \
        -v plain="$plain" '
        FILENAME == ARGV[1] { good[$1, $2] = $6; got[$1, $2] = $4; next }
        FNR == 1 {
            printf "%s%-75s", bold, "behaviour"
            for (i = 3; i <= NF; i++) {
                stage[i] = $i
                short = $i; sub(/_.*/, "", short)
                if (short == "makefile") short = "fd"
                if (short == "client") short = "cl"
                if (short == "chat") short = "ch"
                if (short == "socketserver") short = "so"
                printf " %s", short
                wide[i] = sprintf("%" length(short) - 1 "s", "")
            }
            print plain
            next
        }
        {
            line = ""; some = 0
            for (i = 3; i <= NF; i++) {
                g = good[stage[i], $1]; if (g != "") some = 1
                if ($i == "-" || g == "") mark = dim " ." plain
                else if (g == "no") mark = bold red "!!" plain
                else if (got[stage[i], $1] == "skipped") mark = dim " s" plain
                else if ($i == "y") mark = green " ✓" plain
                else mark = red " ✗" plain
                line = line wide[i] mark
            }
            if (some) printf "%-75s%s\n", $1, line
        }' "$work/verdicts" tests/matrix.tsv
    echo "✓ holds   ✗ the flaw it is known for   . does not apply   s skipped   !! not as the matrix says"
}

# --- the end ---

last_words() {
    [ "$dir" = . ] || [ "${SANDBOX:-}" = none ] || [ -z "$(say_layers)" ] ||
        printf '\n%seach program ran in a sandbox: %s%s\n' "$dim" \
            "$(say_layers)" "$plain"
    echo
    printf '%d passed, %d failed' "$passed" "$failed"
    [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
    echo
}
