# judge.bash: one verdict a cell, of the records and of what bats said.
#
# shellcheck disable=SC2154 # The variables are those of tests/run.

# What bats itself printed: STAGE TITLE ok|not. The programs under test have no
# way to write there.
bats_said() {
    local outs=("$work"/batches/*.out)
    [ -e "${outs[0]}" ] || return 0
    awk '
        FNR == 1 {
            batch = FILENAME; sub(/\.out$/, "", batch)
            getline stage <batch
            close(batch)
        }
        /^(not )?ok [0-9]+ / {
            said = ($1 == "ok" ? "ok" : "not")
            sub(/^(not )?ok [0-9]+ /, "")
            sub(/ # skip.*/, "")
            print stage "\t" $0 "\t" said
        }' "${outs[@]}"
}

# Writes for every cell: STAGE TITLE WANT VERDICT CLASS GOOD POINTS MAX SECONDS
# ROW. A verdict is passed, failed, skipped or error (the grader's own trouble).
# Exactly one record counts; none of a test that bats has played is a failure,
# none of one that it never came to is the grader's trouble. GOOD is yes, no, or
# "-" for a rung not started.
judge() {
    bats_said >"$work/said"
    records >"$work/found"
    awk -F '\t' '
        FILENAME ~ /\/absent$/ { absent[$1]; next }
        FILENAME ~ /\/lacking$/ { lacking[$1] = $2; next }
        FILENAME ~ /\/unbuilt$/ { unbuilt[$1]; next }
        FILENAME ~ /\/said$/ { said[$1, $2] = said[$1, $2] $3; next }
        FILENAME ~ /\/found$/ { n[$1, $2]++; record[$1, $2] = $0; next }
        {
            s = $1; t = $3; want = $4; max = $5; row = $6
            class = "-"; seconds = "0.000"
            if (s in absent) { verdict = "failed"; class = "absent" }
            else if (s in lacking) {
                verdict = "skipped"; class = "no " lacking[s]
            }
            else if (s in unbuilt) { verdict = "failed"; class = "build" }
            else if (n[s, row] > 1) { verdict = "error"; class = "double" }
            else if (n[s, row] == 0) {
                verdict = said[s, t] != "" ? "failed" : "error"
                class = "missing"
            } else {
                split(record[s, row], part, "\t")
                verdict = part[3]; seconds = part[5]
                if (part[4] != "") class = part[4]
                if (verdict == "passed" && said[s, t] != "ok") {
                    verdict = "error"; class = "unconfirmed"
                }
            }
            good = "no"
            if (class == "absent") good = "-"
            else if (verdict == "skipped") good = "yes"
            else if (want == "y" && verdict == "passed") good = "yes"
            else if (verdict == "failed" && want == "n:" class) good = "yes"
            points = "-"
            if (verdict == "passed") points = max
            else if (verdict == "failed") points = 0
            print s "\t" t "\t" want "\t" verdict "\t" class "\t" good "\t" \
                points "\t" max "\t" seconds "\t" row
        }' "$work/absent" "$work/lacking" "$work/unbuilt" "$work/said" "$work/found" \
        "$work/plan" >"$work/verdicts"
}

# count CONDITION: of awk, on the fields of a verdict.
count() {
    awk -F '\t' "$1 { n++ } END { print n + 0 }" "$work/verdicts"
}

# Adds this round's verdicts to those of the rounds before.
add_up() {
    passed=$((passed + $(count '$6 == "yes" && $4 != "skipped"')))
    failed=$((failed + $(count '$6 == "no" && $4 != "error"')))
    skipped=$((skipped + $(count '$4 == "skipped"')))
    troubled=$((troubled + $(count '$4 == "error"')))
    printf '%s %d\n' passed "$passed" failed "$failed" skipped "$skipped" \
        troubled "$troubled" >"$work/totals"
}
