# results.bash: what tests/run leaves behind: results for an instructor, and the
# progress of a student.
#
# shellcheck disable=SC2154 # The variables are those of tests/run.

# --- an instructor's points ---

# Lines TITLE<tab>POINTS[<tab>RUNG]; a line that begins with # is a comment.
points_are_sound() {
    [ -r "$1" ] || { echo "run: $1: cannot be read" >&2; return 1; }
    awk -F '\t' -v file="$1" '
        FILENAME != file && FNR == 1 {
            for (i = 3; i <= NF; i++) rungs[$i] = i
            next
        }
        FILENAME != file {
            for (r in rungs) if ($(rungs[r]) == "y") asked[$1, r]
            titles[$1]
            next
        }
        { sub(/\r$/, "") }
        /^#/ || /^[ \t]*$/ { next }
        NF < 2 { bad("no tab between a title and its points: " $0); next }
        !($1 in titles) { bad("there is no behaviour \"" $1 "\""); next }
        $2 !~ /^[0-9]+$/ || length($2) > 6 {
            bad("points are whole numbers, and not \"" $2 "\"")
        }
        $3 != "" && !($3 in rungs) { bad("there is no rung \"" $3 "\""); next }
        $3 != "" && !(($1, $3) in asked) { bad($3 " is not asked for that") }
        function bad(why) {
            printf "run: %s:%d: %s\n", file, FNR, why | "cat >&2"
            wrong = 1
        }
        END { exit wrong }' tests/matrix.tsv "$1"
}

# --- records ---

# Strangers' programs are not run where nothing contains them.
strangers_are_contained() {
    [ "$contained" = no ] && [ "${SANDBOX:-}" != none ] || return 0
    cat >&2 <<END
run: RESULTS= is for strangers' programs, and nothing here would contain them:
    one of them could read this kit, the other submissions, or more.
END
    tools/doctor --sandbox | sed 's/^/    /' >&2
    echo "    SANDBOX=none grades them all the same." >&2
    return 1
}

results_can_be_written() {
    if [ ! -e tools/export ]; then
        echo "run: RESULTS= is the instructor's: a hand-out writes no records" >&2
        return 1
    fi
    strangers_are_contained || return 1
    if [ -L "${dir%/}" ]; then
        echo "run: $dir is a symbolic link: name the folder itself" >&2
        return 1
    fi
    if [ "$mode" = matrix ] || [ "$times" -gt 1 ]; then
        echo "run: RESULTS= records one run of the tests: no matrix, no TIMES" >&2
        return 1
    fi
    command -v python3 >/dev/null 2>&1 || {
        echo "run: the exports that RESULTS= writes need python3:" >&2
        tools/doctor --install python3 | sed 's/^/    /' >&2
        return 1
    }
    if [ -n "$(ls -A "$results" 2>/dev/null)" ] && [ ! -f "$results/run.tsv" ]
    then
        echo "run: $results: holds things other than records; name a new" \
            "folder" >&2
        return 1
    fi
    if [ -n "$title$rows" ] &&
        grep -q '^rows	all' "$results/run.tsv" 2>/dev/null; then
        echo "run: $results holds the grade of all rows, and a run of some rows" \
            "must not replace it; name another folder" >&2
        return 1
    fi
    mkdir -p "$results/reports" 2>/dev/null
    if [ ! -d "$results/reports" ] || [ ! -w "$results/reports" ]; then
        echo "run: $results: not a folder that can be written to" >&2
        return 1
    fi
    forget_records
}

# No grade of an earlier run may be taken for this one's; what else there may be
# in the folder stays.
forget_records() {
    local name
    cut -f 9 "$results/records.tsv" 2>/dev/null | grep '^reports/[^/]*$' |
        while read -r name; do
            rm -f "$results/$name"
        done
    for name in records.tsv records.csv run.tsv causes.tsv results.json \
        result.json junit.xml; do
        rm -f "$results/$name"
    done
    printf 'final\tno\n' >"$results/run.tsv" # until this run has ended
}

# RESULTS/records.tsv has a line a behaviour, RESULTS/reports what a student
# sees of it, RESULTS/run.tsv the whole; RESULTS/causes.tsv says on which other
# each failure rests ("-": on none). tools/export makes the rest of them.
write_results() {
    write_reports
    {
        printf 'id\trung\tbehaviour\tpoints\tmax\tstatus\thow\tseconds\treport\n'
        LC_ALL=C awk -F '\t' -v OFS='\t' '{
            id = $2; gsub(/[^a-zA-Z0-9]/, "_", id)
            report = "-"
            if ($4 != "passed" && $4 != "skipped")
                report = "reports/" $1 "-" $10 ".txt"
            print $1 "/" id, $1, $2, $7, $8, $4, $5, $9, report
        }' "$work/verdicts"
    } >"$results/records.tsv"
    cut -f 1,2,11 "$work/in_order" >"$results/causes.tsv"
    write_run >"$results/run.tsv"
    tools/export "$results"
}

# What a student sees of each behaviour that is not in order.
write_reports() {
    local s t want verdict class row # one_failure reads them all
    # shellcheck disable=SC2034 # want: see above.
    while IFS=$'\t' read -r s t want verdict class _ _ _ _ row; do
        case $verdict in passed | skipped) continue ;; esac
        if [ "$class" = absent ]; then
            echo "$s is not started: it has no .c file"
        else
            one_failure | sed '/./,$!d'
        fi >"$results/reports/$s-$row.txt"
    done <"$work/verdicts"
}

write_run() {
    local name
    name=${student:-$(cd "$dir" && pwd)}
    printf 'submission\t%s\n' "$(printf '%s' "${name##*/}" | tr '\t\n' '  ')"
    printf 'when\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf 'stage\t%s\n' "$stage"
    printf 'rows\t%s\n' "$([ -n "$title$rows" ] && echo some || echo all)"
    printf 'sandbox\t%s\n' "$(say_layers)"
    # In most languages a comma stands before tenths, and mawk would have it so.
    LC_ALL=C awk -F '\t' '
        $7 != "-" { points += $7; max += $8 }
        $4 == "error" { open = 1 }
        { seconds += $9 }
        END {
            printf "points\t%d\nmax\t%d\n", points, max
            printf "total_seconds\t%.3f\n", seconds
            printf "final\t%s\n", open ? "no" : "yes"
        }' "$work/verdicts"
}

# --- progress ---

# The sources of a rung, as a number: has it changed since? A FIFO would keep us
# waiting, a link to a device for ever.
source_sum() {
    local f
    for f in "$1"/*.[ch]; do
        [ ! -f "$f" ] || [ -L "$f" ] || cat -- "$f"
    done 2>/dev/null | cksum | cut -d ' ' -f 1
}

# Will what is written there land there? Whoever hands in a folder could have
# put links into it.
can_take_notes() {
    local f
    [ -d "$1" ] && [ ! -L "$1" ] && [ -w "$1" ] || return 1
    for f in "$1/failing.tsv" "$1/progress.tsv" "$1/hints"; do
        [ -e "$f" ] || [ -L "$f" ] || continue
        [ -f "$f" ] && [ ! -L "$f" ] || return 1
        [ -z "$(find "$f" -links +1)" ] || return 1
    done
}

# The hints that were asked for about what holds now: the next will be the first.
forget_hints() {
    [ -f "$1" ] || return 0
    awk -F '\t' '
        FILENAME != "-" { if ($4 == "passed") holds[$2, $1]; next }
        !(($1, $2) in holds)' "$work/verdicts" - <"$1" >"$work/hints"
    cat "$work/hints" >"$1"
}

# Of each failure: RUNG TITLE CLASS, and of its report the line that failed, the
# first question, and whose it is: "row" (the row's own), "seen" (about what was
# seen) or "both" (that, and the row's after it). What there is not is "-".
with_questions() {
    local f files=(/dev/null)
    for f in "$KIT_RECORDS"/*/[0-9]*; do # as records does
        [ ! -f "$f" ] || [ -L "$f" ] || files[${#files[@]}]=$f
    done
    LC_ALL=C awk '
        function tell() {
            if (file != "") printf "%s\t%s\t%s\t%s\n", name, line, asked, whose
        }
        FNR == 1 {
            tell()
            n = split(FILENAME, part, "/")
            file = FILENAME; name = part[n - 1] "/" substr(part[n], 1, 3)
            line = asked = whose = "-"; before = ""
        }
        { gsub(/[\001-\037\177]/, " ") }
        line == "-" && /^    > ./ { line = substr($0, 7) }
        before ~ /^    hint:  / && /^           [^ ]/ { whose = "both" }
        /^    hint:  ./ {
            asked = substr($0, 12)
            whose = asked ~ / \(notes\/[a-z0-9_-]*\.md\)$/ ? "row" : "seen"
        }
        { before = $0 }
        END { tell() }' "${files[@]}" >"$work/questions"
    LC_ALL=C awk -F '\t' -v OFS='\t' '
        FILENAME != "-" { told[$1] = $2 OFS $3 OFS $4; next }
        { told_now = told[$1 "/" $10] }
        { print $1, $2, $5, told_now == "" ? "-\t-\t-" : told_now }
    ' "$work/questions" -
}

# In a folder that make start has begun: how each rung that was graded whole
# came out, and what does not hold. tools/status and tools/hint read it.
remember_progress() {
    local s notes=$dir/.kit
    [ -z "$results" ] && can_take_notes "$notes" || return 0
    {
        causes
        awk -F '\t' '$11 != "-"' "$work/in_order"
    } | with_questions >"$notes/failing.tsv"
    forget_hints "$notes/hints"
    [ -z "$title$rows" ] || return 0
    for s in $(cut -f 1 "$work/plan" | uniq); do
        ! grep -qx "$s" "$work/absent" || continue
        awk -F '\t' -v OFS='\t' -v s="$s" -v when="$(date '+%Y-%m-%d %H:%M')" \
            -v sum="$(source_sum "$KIT_BUILD/src/$s")" '
            $1 != s { next }
            $4 == "error" { open = 1 }
            $7 != "-" { points += $7; max += $8 }
            $4 == "failed" { failed++ }
            END { if (!open) print s, points + 0, max + 0, failed + 0, when, sum }
        ' "$work/verdicts" >>"$notes/progress.tsv"
    done
}
