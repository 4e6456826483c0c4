# records.bash: what tests/run leaves behind: records for an instructor, and
# the progress of a student.
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

results_can_be_written() {
    if [ "$mode" = matrix ] || [ "$times" -gt 1 ]; then
        echo "run: records are of one run of the tests: no matrix, no TIMES" >&2
        return 1
    fi
    command -v python3 >/dev/null 2>&1 || {
        echo "run: the exports that RESULTS= writes need python3:" >&2
        tools/doctor --install python3 | sed 's/^/    /' >&2
        return 1
    }
    if [ -n "$(ls -A "$results" 2>/dev/null)" ] && [ ! -f "$results/run.tsv" ]
    then
        echo "run: $results: holds other things than records; name a new" \
            "folder" >&2
        return 1
    fi
    mkdir -p "$results/reports" 2>/dev/null
    if [ ! -d "$results/reports" ] || [ ! -w "$results/reports" ]; then
        echo "run: $results: no folder that can be written to" >&2
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
    for name in records.tsv records.csv run.tsv results.json result.json \
        junit.xml; do
        rm -f "$results/$name"
    done
    printf 'final\tno\n' >"$results/run.tsv" # until this run has ended
}

# RESULTS/records.tsv has a line a behaviour, RESULTS/reports what a student
# sees of it, RESULTS/run.tsv the whole; tools/export makes the rest of them.
write_results() {
    write_reports
    {
        printf 'id\trung\tbehaviour\tpoints\tmax\tstatus\thow\tseconds\treport\n'
        awk -F '\t' -v OFS='\t' -v results="$results" '{
            file = $2; gsub(/[^a-zA-Z0-9]/, "_", file)
            report = "reports/" $1 "-" file ".txt"
            if ((getline line <(results "/" report)) < 0) report = "-"
            else close(results "/" report)
            print $1 "/" file, $1, $2, $7, $8, $4, $5, $9, report
        }' "$work/verdicts"
    } >"$results/records.tsv"
    write_run >"$results/run.tsv"
    tools/export "$results"
}

# What a student sees of each behaviour that is not in order.
write_reports() {
    local s t want verdict class # one_failure reads them all
    # shellcheck disable=SC2034 # want: see above.
    while IFS=$'\t' read -r s t want verdict class _; do
        case $verdict in passed | skipped) continue ;; esac
        if [ "$class" = absent ]; then
            echo "$s is not started: it has no .c file"
        else
            one_failure | sed '/./,$!d'
        fi >"$results/reports/$s-${t//[!a-zA-Z0-9]/_}.txt"
    done <"$work/verdicts"
}

write_run() {
    local name
    name=$(cd "$dir" && pwd)
    printf 'submission\t%s\n' "$(printf '%s' "${name##*/}" | tr '\t\n' '  ')"
    printf 'when\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    printf 'stage\t%s\n' "$stage"
    awk -F '\t' '
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

# The sources of a rung, as a number: has it changed since?
source_sum() {
    cat "$1"/*.[ch] 2>/dev/null | cksum | cut -d ' ' -f 1
}

# In a folder that make start has begun: how each rung that was graded whole
# came out, and what does not hold. tools/status and tools/hint read it.
remember_progress() {
    local s notes=$dir/.kit
    [ -d "$notes" ] && [ -w "$notes" ] || return 0
    cut -f 1-2,5 "$work/in_order" >"$notes/failing.tsv"
    [ -z "$title$rows" ] || return 0
    for s in $(cut -f 1 "$work/plan" | uniq); do
        ! grep -qx "$s" "$work/absent" || continue
        awk -F '\t' -v OFS='\t' -v s="$s" -v when="$(date '+%Y-%m-%d %H:%M')" \
            -v sum="$(source_sum "$dir/$(folder_of "$s")")" '
            $1 != s { next }
            $4 == "error" { open = 1 }
            $7 != "-" { points += $7; max += $8 }
            $4 == "failed" { failed++ }
            END { if (!open) print s, points + 0, max + 0, failed + 0, when, sum }
        ' "$work/verdicts" >>"$notes/progress.tsv"
    done
}
