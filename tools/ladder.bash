# ladder.bash: what the tools know of the ladder; its order is that of the
# columns of tests/matrix.tsv. To be sourced at the top of the kit.

columns() {
    head -n 1 tests/matrix.tsv | cut -f 3- | tr '\t' '\n'
}

# The programs that stand on the framework have one folder together.
folder_of() {
    case $1 in
        chat) echo socketserver ;;
        *) echo "$1" ;;
    esac
}

# What can be begun as an exercise: the framework itself is there to be read.
exercises() {
    columns | grep -vx socketserver
}

# Prints the rung before; of makefile_fdopen, a variant of v1_echo, that one.
# Nothing for the first, and for the client.
before() {
    if [ "$1" = makefile_fdopen ]; then
        echo v1_echo
    else
        columns | grep '^v[0-9]' | awk -v it="$1" '
            $0 == it { print last }
            { last = $0 }'
    fi
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
