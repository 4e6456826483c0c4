# text.bash: what the programs and the scripts look like, and whether what the
# notes show is true. Read by tools/check.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

check_style() {
    local p file
    for p in $(programs); do
        file=$(source_of "$p")
        LC_ALL=C awk -v p="$p" '
            function say(what) { print FILENAME ":" FNR ": " what }
            FNR == 1 && ($0 !~ /^\/\* .* \*\/$/ || index($0, "/* " p ": ") != 1) {
                say("line 1 is not /* " p ": its lesson */")
            }
            length($0) > 80 { say("longer than 80 columns") }
            /\t/ { say("a tab") }
            /[ \t]$/ { say("blanks at the end") }
            /(^|[^A-Za-z0-9_])NEW([^A-Za-z0-9_]|$)/ { say("a NEW marker") }
            /^#include/ {
                if (seen != "" && FNR == line + 1 && $2 < seen)
                    say("includes are not sorted: " $2)
                if (seen != "" && FNR != line + 1)
                    say("an include that stands apart")
                seen = $2; line = FNR
            }' "$file"
        tools/functions "$file" | awk -F '\t' -v f="$file" '
            $4 - $3 + 1 > 30 {
                print f ":" $3 ": " $1 "() has " $4 - $3 + 1 " lines, and not 30"
            }'
    done
    # What a browser shows of a picture is not where it was drawn.
    grep -nE '/(tmp|var|home|root)/' bench/*.svg notes/pictures/*.svg /dev/null |
        cut -c 1-200
}

shell_files() {
    local f
    for f in tools/* tools/room.d/* tools/*/*.bash bench/* tests/run \
        tests/sandbox/build tests/*.ba* tests/*/*.ba* .ci/run; do
        [ -f "$f" ] || continue
        case $f in
            *.bash | *.bats) echo "$f" ;;
            *) ! head -n 1 "$f" | grep -q '^#!.*sh' || echo "$f" ;;
        esac
    done
}

# SC2016: an awk program stands in single quotes, dollars and all. SC1091: what
# a script reads is checked by itself. SC2030, SC2031: each @test is a subshell
# of its own, and what it sets is meant to end with it.
check_shellcheck() {
    local f
    shell_files | while read -r f; do
        case $f in
            *.bats) shellcheck -s bats -f gcc -e SC2016,SC1091,SC2030,SC2031 "$f" ;;
            *) shellcheck -x -s bash -f gcc -e SC2016,SC1091 "$f" ;;
        esac
    done 2>&1
}

# Not its "style": that would have each variable in the narrowest block, and the
# rungs declare where the next rung's diff leaves the line alone.
check_cppcheck() {
    local f
    for f in $(for p in $(programs); do source_of "$p"; done) \
        tests/peer/*.c tests/broker/*.c tests/framework/*.c tests/sandbox/*.c \
        socketserver/*.c tools/*/*.c \
        proofs/*.c bench/*.c; do
        cppcheck --quiet --std=c11 --enable=warning,performance,portability \
            --inline-suppr --error-exitcode=1 --template=gcc "$f" 2>&1 ||
            echo "(cppcheck on $f)"
    done
}

check_format() {
    local f lines
    for f in $(for p in $(programs); do source_of "$p"; done) \
        tests/peer/*.[ch] tests/broker/*.c tests/framework/*.c \
        tests/sandbox/*.[ch] tests/hostile/*.[ch] socketserver/*.[ch] \
        proofs/*.c bench/*.[ch] tools/room.d/*.[ch] tools/tracing/*.c; do
        clang-format --dry-run -Werror --style=file "$f" >"$work/format" 2>&1 &&
            continue
        lines=$(sed -n 's/^[^:]*:\([0-9]*\):[0-9]*: error: code.*/\1/p' \
            "$work/format" | sort -n -u | tr '\n' ' ')
        if [ -n "$lines" ]; then
            echo "clang-format -i $f    (lines ${lines% })"
        else
            echo "$f: clang-format fails:"
            cat "$work/format"
        fi
    done
}

# What the notes claim of the system, each by a program that shows it.
check_proofs() {
    tools/proofs | grep -v -e '^ok ' -e '^skipped ' -e ' 0 failed'
}

# Each command, transcript, excerpt, table and link of the notes and README.md.
check_notes() {
    local status=0
    tools/notes >"$work/notes" || status=$?
    case $status in
        0) tail -n 1 "$work/notes" | sed 's/: .*//' >"$work/note" ;;
        *)
            cat "$work/notes"
            echo "(tools/notes, exit status $status)" ;;
    esac
}
