# report.bash: what tests/run prints. It reads the verdicts that tests/run has
# written, a line a cell (see judge there), and the reports of the tests.
#
# shellcheck disable=SC2154 # The variables are those of tests/run.

bold='' dim='' red='' green='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' dim=$'\033[2m' red=$'\033[31m' green=$'\033[32m'
    plain=$'\033[0m'
fi

# --- the scoreboard ---

# A bar a rung, the points reached and possible, and the total. What was skipped
# is not possible here; what has no verdict is neither.
scoreboard() {
    awk -F '\t' -v green="$green" -v red="$red" -v dim="$dim" -v bold="$bold" \
        -v plain="$plain" -v dir="$dir" -v hints="$KIT_HINTS" '
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
                        (dir == "." ? "" : ": make start STAGE=" s hints)
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
        }' "$work/verdicts" | sed 's/ *$//'
    [ "$dir" != . ] || [ ! -d work ] ||
        echo "  These are the kit's own programs. Yours: make test DIR=work"
}

# --- warnings of the compiler ---

# They cost nothing; the first few of each rung.
warnings() {
    local s n
    cut -f 1 "$work/plan" | uniq | while read -r s; do
        [ -x "$KIT_BUILD/plain/$s" ] || continue
        n=$(grep -c 'warning:' "$KIT_BUILD/plain/$s.log" 2>/dev/null)
        [ "${n:-0}" -gt 0 ] || continue
        printf '\n%s compiles, with %s warning%s, which may well be right:\n' \
            "$s" "$n" "$([ "$n" -eq 1 ] || echo s)"
        grep 'warning:' "$KIT_BUILD/plain/$s.log" | head -n 3 | readable |
            sed 's/^/    /'
    done
}

# Bytes that a terminal would obey are shown, not sent.
readable() {
    LC_ALL=C tr '\000-\010\013-\037\177' '?'
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

# Every failure in full. A rung that does not compile shows its first error and
# nothing else; one that never starts, shows that once.
failures() {
    local s t want verdict class said='' more=0 also=''
    in_order >"$work/in_order"
    : >"$work/seen"
    while IFS=$'\t' read -r s t want verdict class _; do
        if [ "$said" = "$s" ]; then
            more=$((more + 1))
            continue
        fi
        and_more "$more"
        more=0
        if seen_often "$s $class"; then
            also="$also$(printf '    %s: %s (%s, as above)' "$s" "$t" "$class")
"
            continue
        fi
        one_failure
        [ "$class" != build ] && [ ! -e "$KIT_RECORDS/$s.never_starts" ] ||
            said=$s
    done <"$work/in_order"
    and_more "$more"
    [ -z "$also" ] || printf '\nThe same end in:\n%s' "$also"
}

# A program that ends by itself does so in each test: three tell enough.
seen_often() {
    case $1 in
        *exit* | *signal* | *sanitizer) ;;
        *) return 1 ;;
    esac
    printf '%s\n' "$1" >>"$work/seen"
    [ "$(grep -cxF -e "$1" "$work/seen")" -gt 3 ]
}

and_more() {
    [ "$1" -eq 0 ] ||
        printf '    This comes first; %s more behaviours wait for it.\n' "$1"
}

one_failure() {
    if [ "$class" = build ]; then
        compile_error "$s"
    elif [ "$verdict" = passed ]; then
        printf '\n%s%s: %s%s\n    holds, but the matrix says %s\n' \
            "$bold" "$s" "$t" "$plain" "$want"
    elif [ "$class" = missing ] || [ "$class" = double ] ||
        [ "$class" = unconfirmed ]; then
        no_verdict
    else
        printf '\n'
        [ "$want" = y ] || printf '(the matrix says %s for this one)\n' "$want"
        readable <"$KIT_RECORDS/$s/${t//[!a-zA-Z0-9]/_}.txt"
    fi
}

no_verdict() {
    local b
    printf '\n%s%s: %s%s\n    how:   %s (%s)\n' "$bold" "$s" "$t" "$plain" \
        "$class" "$(why_no_verdict)"
    printf '    what bats said:\n'
    grep -lxF -e "$t" "$work"/batches/*[0-9] 2>/dev/null | while read -r b; do
        [ "$(head -n 1 "$b")" != "$s" ] ||
            readable <"$b.out" | sed 's/^/    | /' | head -n 30
    done
}

why_no_verdict() {
    case $class in
        double) echo "two verdicts were recorded: somebody else wrote one" ;;
        unconfirmed) echo "recorded as passed, but bats does not say so" ;;
        *) echo "no verdict was recorded" ;;
    esac
}

complaint='error:|undefined reference|multiple definition|Undefined symbols'
compile_error() {
    printf '\n%s%s does not compile:%s\n' "$bold" "$1" "$plain"
    grep -q -E "$complaint" "$KIT_BUILD/asan/$1.log" ||
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
    [ "$(wc -l <"$work/in_order")" -gt 1 ] || return 0
    IFS=$'\t' read -r s t want verdict class _ <"$work/in_order"
    case $class in
        build) printf '\n%s does not compile: start there.\n' "$s" ;;
        *) printf '\nStart with the first: %s%s: %s%s\n' "$bold" "$s" "$t" \
            "$plain" ;;
    esac
}

skips() {
    awk -F '\t' '$4 == "skipped" { n[$2 "\t" $5]++ }
        END { for (k in n) { split(k, p, "\t"); print "  skipped: " p[1] " (" p[2] ")" } }' \
        "$work/verdicts" | sort
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
                line = line " " mark
            }
            if (some) printf "%-75s%s\n", $1, line
        }' "$work/verdicts" tests/matrix.tsv
    echo "✓ holds   ✗ the flaw it is known for   . does not apply   s skipped   !! not as the matrix says"
}
