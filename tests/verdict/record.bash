# record.bash: the record of a verdict. A cell of the matrix has one, the file
# $KIT_RECORDS/RUNG/ROW, where ROW is the line of the row in tests/matrix.tsv,
# in three digits:
#
#   title a client that leaves does not take the room down
#   rung v5_locks
#   row 076
#   verdict failed        passed, failed, skipped, or error: the grader's trouble
#   class sigpipe         how it failed, or why it was skipped; else nothing
#   seconds 0.412
#   place server.c:142    where in the program it is wrong, as far as it shows;
#                         or in a few words what it waited for in vain
#
#   v5_locks: a client that leaves ...      behind an empty line, the report
#
# It comes there whole. A second record of the same cell goes to ROW.again, and
# then neither is believed. tests/language.bash writes records, and tests/run
# reads them; nobody reads what is printed of them.

# --- what a class means ---

# explain CLASS: in a sentence.
explain() {
    local class sentence
    while IFS=$'\t' read -r class sentence _; do
        [ "$class" != "$1" ] || { echo "$sentence"; return; }
    done <"$KIT_ROOT/tests/verdict/classes.tsv"
    case $1 in
        signal*) echo "killed by signal ${1#signal} ($(kill -l "${1#signal}"))" ;;
        exit*) echo "ended by itself, with status ${1#exit}" ;;
        *) echo "$1" ;;
    esac
}

# --- reading ---

# Prints RUNG ROW VERDICT CLASS SECONDS PLACE of each record, tabs between. A
# program under test may have put something else in a record's place.
records() {
    local f files=()
    for f in "$KIT_RECORDS"/*/[0-9]*; do
        [ ! -f "$f" ] || [ -L "$f" ] || files[${#files[@]}]=$f
    done
    [ ${#files[@]} -gt 0 ] || return 0
    LC_ALL=C awk -v OFS='\t' '
        FNR == 1 {
            n = split(FILENAME, part, "/")
            head = 1
            split("", value)
        }
        !head { next }
        $0 == "" {
            head = 0
            gsub(/\t/, " ", value["class"])
            print part[n - 1], substr(part[n], 1, 3), value["verdict"], \
                value["class"], value["seconds"], value["place"]
        }
        { value[$1] = substr($0, length($1) + 2) }' ${files[@]+"${files[@]}"}
}

# report_of RUNG ROW: prints the report in that record.
report_of() {
    sed '1,/^$/d' "$KIT_RECORDS/$1/$2"
}

# field NAME: what a record, or anything of that form, says of it.
field() {
    awk -v name="$1" '
        $0 == "" { exit }
        $1 == name { print substr($0, length($1) + 2); exit }'
}

# --- writing, in a test ---

# record VERDICT CLASS: the row stands before the title, in the batch that this
# test is in.
record() {
    local row title rung=$KIT_RECORDS/$KIT_STAGE
    [ -d "$KIT_RECORDS/live" ] || return 0
    while IFS=$'\t' read -r row title; do
        [ "$title" != "$BATS_TEST_DESCRIPTION" ] || break
    done <"$KIT_BATCH"
    [ -n "$row" ] || return 0
    {
        printf '%s %s\n' title "$title" rung "$KIT_STAGE" row "$row" \
            verdict "$1" class "$2" seconds "$TOOK" place "$PLACE"
        echo
        [ ! -f "$CASE/full" ] || cat "$CASE/full"
    } >"$rung/.$row"
    if [ -e "$rung/$row" ]; then
        mv "$rung/.$row" "$rung/$row.again"
    else
        mv "$rung/.$row" "$rung/$row"
    fi
    case $2:$PLACE in
        timeout:* | start:?*) printf '%s\n' "$PLACE" >>"$rung.timeouts" ;;
    esac
}

# TOOK is how many seconds the test took, as the peer's clock has it.
note_time() {
    local SAID=0
    order clock tells || SAID=0
    printf -v TOOK '%d.%03d' $((SAID / 1000)) $((SAID % 1000))
}

# --- why a test failed ---

# because CLASS TEXT...: notes why the test fails; returns 1.
because() {
    printf '%s' "$1" >"$CASE/class"
    shift
    printf '%s\n' "$@" >"$CASE/report"
    return 1
}

# What a sanitizer says in the log, if it says anything: the log as it is now,
# and a sanitizer that speaks is let finish. Few tests have to look closer.
finish_log() {
    local program=${SERVERS[0]:-server} one
    [ "$KIT_STAGE" != client ] || program=client
    SANITIZER_SPOKE=''
    order "$program" output || :
    [ -s "$CASE/log" ] && grep -qE 'Sanitizer|runtime error:' "$CASE/log" ||
        return 0
    SANITIZER_SPOKE=yes
    ! grep -qE '(ERROR|WARNING): (Address|Leak)Sanitizer' "$CASE/log" ||
        for one in "$program" ${SERVERS[@]+"${SERVERS[@]}"}; do
            order "$one" ends >/dev/null || :
        done
    order "$program" output || :
}

# LeakSanitizer stops the program to look at it, and that may fail: then it is
# not the program that failed.
leak_checker_broke() {
    case $SANITIZER_SPOKE$ASAN_OPTIONS in
        yesdetect_leaks=1*)
            grep -q 'LeakSanitizer has encountered a fatal error' "$CASE/log" ;;
        *) return 1 ;;
    esac
}

# A program may go on after an error that only its log tells of.
no_sanitizer_complains() {
    local errors='ERROR: (Address|Leak)Sanitizer|runtime error:'
    [ -n "$SANITIZER_SPOKE" ] || return 0
    [ -z "${LEAKS_JUDGED:-}" ] || errors=${errors/|Leak/}
    if grep -qE "$errors" "$CASE/log"; then
        because sanitizer "All of this held, but a sanitizer found an error."
        return 1
    fi
}

# --- the report ---

# report CLASS: what the student reads.
report() {
    local i last=$((${#STORY[@]} - 1))
    printf '%s: %s\n' "$KIT_STAGE" "$BATS_TEST_DESCRIPTION"
    for ((i = 0; i < last; i++)); do
        printf '      %s\n' "${STORY[i]}"
    done
    [ "$last" -lt 0 ] || printf '    > %s%s\n' "${ROW_LINE:+line $ROW_LINE: }" \
        "${STORY[last]}"
    [ ! -s "$CASE/report" ] || sed 's/^/      /' "$CASE/report"
    [ ! -s "$CASE/peer.err" ] || sed 's/^/      peer: /' "$CASE/peer.err"
    printf '    how:   %s (%s)\n' "$1" "$(explain "$1")"
    report_doing
    report_log
    [ -n "${KIT_ROW:-}" ] || report_advice "$1"
}

# What to ask first, and what to type.
report_advice() {
    printf '    hint:  %s\n' "$(hint "$1")"
    printf "    more:  make hint TEST='%s'%s\n" "$(quoted_title)" "${KIT_HINTS:-}"
    report_picture
    printf "    again: make %s STAGE=%s TEST='%s'%s\n" "${KIT_AGAIN:-test}" \
        "$KIT_STAGE" "$(quoted_title)" "${SEED_PLAYED:+ SEED=$SEED_PLAYED}"
}

# The story of make trace that shows what this row asks, if this rung has one.
report_picture() {
    local title wanted name rungs tracing=$KIT_ROOT/tools/tracing STORIES=''
    case $(uname):${KIT_AGAIN:-test} in Linux:test*) ;; *) return 0 ;; esac
    [ -f "$tracing/rows.tsv" ] && . "$tracing/stories.bash" || return 0
    while IFS=$'\t' read -r title wanted; do
        [ "$title" = "$BATS_TEST_DESCRIPTION" ] || continue
        while IFS='|' read -r name rungs _; do
            [[ $name != "$wanted" || " $rungs " != *" $KIT_STAGE "* ]] ||
                printf '    draw:  make trace%s STAGE=%s STORY=%s\n' \
                    "${KIT_AGAIN#test}" "$KIT_STAGE" "$wanted"
        done <<<"$STORIES"
    done <"$tracing/rows.tsv"
}

# Where a wait was in vain, the peer has looked at what the threads do.
report_doing() {
    [ -s "$CASE/doing" ] || return 0
    printf '    then:  what the program was doing\n'
    sed 's/^/      | /' "$CASE/doing"
}

# A log may hold any byte: LC_ALL=C, or some tools stop at the first that is no
# character.
report_log() {
    if [ -n "$(sanitizer_says)" ]; then
        printf '    log:   what the sanitizer says, first of all\n'
        sanitizer_says | LC_ALL=C sed 's/^/      | /'
    elif [ -s "$CASE/log" ]; then
        printf '    log:   the last lines that the %s wrote%s\n' \
            "$([ "$KIT_STAGE" = client ] && echo client || echo server)" \
            "$([ "${TZ-}" = "$USUAL_TZ" ] || echo "; the test has set TZ=$TZ")"
        LC_ALL=C tr -d '\000' <"$CASE/log" | grep -v "^strict: " |
            fold_log | tail -n 15 |
            LC_ALL=C cut -b 1-300 | LC_ALL=C sed 's/^/      | /'
    fi
}

# Of many lines in a row that say who came and went, the last three.
fold_log() {
    LC_ALL=C awk '
        function flush(    i) {
            if (n > 3) print "(" n - 3 " more lines of joined and left)"
            for (i = n > 3 ? n - 2 : 1; i <= n; i++) print run[i]
            n = 0
        }
        / (joined|left)$/ { run[++n] = $0; next }
        { flush(); print }
        END { flush() }'
}

# The title as a shell wants it between apostrophes.
quoted_title() {
    printf '%s' "$BATS_TEST_DESCRIPTION" | sed "s/'/'\\\\''/g"
}

# What a sanitizer found, and in which lines of the program; not how it got
# there through libraries, but which call of theirs it was. What getaddrinfo()
# keeps is shown where nothing else leaks.
sanitizer_says() {
    [ ! -f "$CASE/log" ] || LC_ALL=C tr -d '\000' <"$CASE/log" | LC_ALL=C awk '
        function flush() {
            if (part ~ /getaddrinfo/) kept = kept told
            else if (part != "") { printf "%s", told; own = 1 }
            part = told = ""
        }
        function tell(line) {
            if (part != "") told = told line "\n"
            else print line
        }
        /ERROR:|WARNING: Thread|runtime error:/ { if (++reports > 1) exit }
        !reports { next }
        /^ *$/ { flush(); skip = calls = 0; next }
        /irect leak of / { part = $0 }
        /(Read|Write|READ|WRITE|read|write) of size|freed by|irect leak of / {
            calls = 1
        }
        /As if synchronized/ { skip = 1 }
        skip { next }
        part != "" { part = part $0 }
        calls && /#0 / && /libsanitizer|compiler-rt|\(lib[a-z]san/ {
            name = $2 ~ /^0x/ ? $4 : $2
            sub(/^__interceptor_/, "", name)
            tell("    #0 " name)
            next
        }
        /sanitizer_common|libsanitizer|strict\.c:|nptl\/|sysdeps|csu\// { next }
        /SUMMARY/ { flush(); if (!own) printf "%s", kept }
        /ERROR:|WARNING:|runtime error:|SUMMARY|irect leak of / ||
            /(Read|Write|READ|WRITE|read|write) of size|Previous|Location/ ||
            /freed by|allocated by|(Thread T|Mutex M)[0-9]+ .*created/ ||
            /is located in stack of|<== Memory access/ ||
            /#[0-9]+ .*\.[ch]:[0-9]+/ { tell($0) }
        END { flush() }' |
        LC_ALL=C cut -b 1-150 | head -n 30
}

# place_of_error CLASS: PLACE is the first line of the program that a sanitizer
# names, as FILE:LINE: two tests that fail there have one cause.
place_of_error() {
    case $1 in sanitizer | race | leak) ;; *) return 0 ;; esac
    PLACE=$(LC_ALL=C sed -n \
        's,.*#[0-9].*[ /]\([^ /]*\.[ch]:[0-9][0-9]*\).*,\1,p' "$CASE/full" |
        head -n 1)
}

# kind_of_failure CLASS: PLACE is what it waited for in vain. Two tests that did
# the same have one cause, and tests/rests.tsv may say where it is told.
kind_of_failure() {
    case $1 in timeout | refused | start) ;; *) return 0 ;; esac
    if [ "$1" = refused ]; then
        PLACE='a refused connection'
    elif [ "$1" = start ]; then
        ! grep -qs '^no line with "listening on' "$CASE/report" ||
            PLACE='no ready line'
    elif grep -qs 'for a mutex' "$CASE/doing"; then
        PLACE='a mutex'
    elif grep -qsE '^no line .* ?joined"' "$CASE/report"; then
        PLACE='no joined line'
    elif is_first_answer && grep -qsF 'seen:     (nothing)' "$CASE/report"; then
        PLACE='no answer'
    fi
}

# Is the last sentence that one hears a plain word of her own, and has nobody
# heard anything before?
is_first_answer() {
    local last=${STORY[${#STORY[@]} - 1]}
    case ${STORY[*]} in
        *' hears '*' hears '*) return 1 ;;
    esac
    [[ $last =~ ^[a-z]+\ hears\ (exactly\ )?[A-Za-z] ]] &&
        [[ $last != *' from '* ]]
}
