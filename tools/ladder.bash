# ladder.bash: what the tools know of the ladder; its order is that of the
# columns of tests/matrix.tsv. To be sourced at the top of the kit.

columns() {
    head -n 1 tests/matrix.tsv | cut -f 3- | tr '\t' '\n'
}

# The programs that stand on the framework have one folder together.
folder_of() {
    case $1 in
        chat | echo | serve) echo socketserver ;;
        *) echo "$1" ;;
    esac
}

# What can be begun as an exercise: the framework itself is there to be read.
exercises() {
    columns | grep -vx socketserver
}

# What is to be begun with: what a hand-out sets (its file .handout says so).
first_exercise() {
    [ -f .handout ] || { echo v2_threads; return; }
    awk '$1 == "stage" { print $2 }' .handout
}

# Prints "BEFORE RUNG" for every rung that has one before it. makefile_fdopen is
# a variant of v1_echo.
pairs() {
    columns | awk '
        /^v[0-9]/ { if (last != "") print last, $0; last = $0 }
        $0 == "makefile_fdopen" { print "v1_echo", $0 }'
}

# Prints the rung before; nothing for the first, and for the client.
before() {
    pairs | awk -v it="$1" '$2 == it { print $1 }'
}

# What a rung adds, as the table of the README has it.
lesson() {
    awk -F ' *[|] *' -v rung="[$1](" 'index($2, rung) { print $3; exit }' \
        README.md
}

# What is still wrong with it, as that table has it.
flaw() {
    awk -F ' *[|] *' -v rung="[$1](" 'index($2, rung) { print $4; exit }' \
        README.md
}

# rows RUNG CONDITION: "POINTS<tab>TITLE" of the rows for which an awk
# condition on now and past (the cells of RUNG and of the rung before) holds.
rows() {
    awk -F '\t' -v rung="$1" -v before="$(before "$1")" '
        FNR == 1 { for (i = 3; i <= NF; i++) column[$i] = i; next }
        {
            now = $column[rung]
            past = before == "" ? "-" : $column[before]
            if ('"$2"') print $2 "\t" $1
        }' tests/matrix.tsv
}
