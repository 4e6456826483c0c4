# old.bash: bash 3.2 and GNU make 3.81 will do, for macOS has them. This finds
# what they do not know, and what they understand otherwise. Read by tools/check.
#
# shellcheck disable=SC2034,SC2154 # Its variables are those of tools/check.

check_old() {
    local f
    shell_files | while read -r f; do
        unknown bash "$f"
        case $f in
            *.bats) asserts_nothing "$f" ;;
            *) may_be_empty "$f" ;;
        esac
    done
    # Readers type what the notes show.
    for f in ./*.md notes/*.md; do
        unknown bash "${f#./}"
    done
    for f in Makefile */Makefile tests/sandbox/*.mk tools/*/*.mk; do
        unknown make "$f"
    done
}

# unknown bash|make FILE: what the table has. Of what is in single quotes it skips
# what begins and ends in one line, and a document after <<'END'.
unknown() {
    awk -F '\t' -v which="$1" '
        FNR == NR { if ($1 == which) what[$2] = $3; next }
        document != "" { if ($0 == document) document = ""; next }
        /^ *#/ { next }
        {
            line = $0
            if (match(line, /<<\047[A-Z]+/))
                document = substr(line, RSTART + 3, RLENGTH - 3)
            sub(/[ \t]#.*/, "", line)
            gsub(/\047[^\047]*\047/, "\047\047", line)
            for (regex in what)
                if (line ~ regex)
                    print FILENAME ":" FNR ": too new for old " which ": " what[regex]
        }' tools/check.d/old.tsv "$2"
}

# With set -u, which the tests do without, an array of nothing is not set.
may_be_empty() {
    awk '
        FNR == NR {
            while (match($0, /[A-Za-z_]+=\(\)/)) {
                empty[substr($0, RSTART, RLENGTH - 3)]
                $0 = substr($0, RSTART + RLENGTH)
            }
            next
        }
        {
            while (match($0, /.?"\$\{[A-Za-z_]+\[@\]\}"/)) {
                name = substr($0, RSTART, RLENGTH)
                $0 = substr($0, RSTART + RLENGTH)
                if (name ~ /^\+/) continue
                gsub(/.*\{|\[.*/, "", name)
                if (name in empty)
                    print FILENAME ":" FNR ": if it is empty, old bash fails: " \
                        "write ${" name "[@]+\"${" name "[@]}\"}"
            }
        }' "$1" "$1"
}

# With set -e, bash 3.2 goes on when [[ ]], (( )), a subshell or a pipeline that
# ends in a loop has failed, unless it is the last command of a function.
asserts_nothing() {
    awk '
        document != "" { if ($0 == document) document = ""; next }
        match($0, /<<-?\047?[A-Z]+/) {
            document = substr($0, RSTART, RLENGTH)
            gsub(/[^A-Z]/, "", document)
        }
        {
            at = FNR
            sub(/ # .*/, "")
            while (sub(/\\$/, "") && (getline more) > 0) $0 = $0 more
        }
        # It is over, and this is what comes next.
        over {
            if ($0 !~ /^ *\}/)
                print FILENAME ":" over ": when this fails, old bash goes on: " \
                    "write || return 1"
            over = 0
        }
        /^ +(.*(&&|\|\|?) )?(\[\[ .*\]\]|\(.*\))( *[0-9]*[<>][^|]*)?$/ { over = at; next }
        /^ +(\(|[^#]*[^|]\| *(while .*|for .*|if .*|\{|\())$/ {
            begun = at
            indent = match($0, /[^ ]/)
            next
        }
        begun && match($0, /[^ ]/) == indent {
            if ($0 ~ /^ +(done|fi|\}|\))( *[0-9]*[<>][^|]*)?$/) over = begun
            begun = 0
        }' "$1"
}
