# plan.bash: what tests/run is asked to play: are the arguments sound, is
# everything here, which cells are they, and do their programs compile?
#
# shellcheck disable=SC2154 # The variables are those of tests/run.

# --- is everything here? ---

have_bats() {
    local version
    version=$(bats --version 2>/dev/null) || {
        cat >&2 <<'END'
bats is missing; one of these installs it:
    sudo apt-get install bats      (Debian, Ubuntu, WSL)
    sudo dnf install bats          (Fedora)
    brew install bats-core         (macOS)
    npm install -g bats            (anywhere)
END
        return 1
    }
    case ${version#Bats } in
        0.* | 1.[0-7] | 1.[0-7].*)
            echo "$version is too old: the tests need bats 1.8 or later" >&2
            return 1 ;;
    esac
}

is_wrong() {
    echo "run: $*" >&2
    return 1
}

arguments_are_sound() {
    local number
    printf '' | grep -E -e "$rows" >/dev/null 2>&1
    [ $? -le 1 ] || { is_wrong "'$rows' is no regular expression"; return; }
    [ -d "$dir" ] || { is_wrong "$dir: no such folder"; return; }
    case $dir in
        *$'\n'*) is_wrong "the folder's name holds a line end"; return ;;
    esac
    if [ "$dir" != . ] && [ "$stage" = socketserver ]; then
        is_wrong "the framework is there to be read; its exercise is STAGE=chat"
        return
    fi
    for number in "$times" "$jobs"; do
        case $number in
            '' | *[!0-9]* | 0*)
                is_wrong "TIMES and JOBS are numbers from 1"
                return ;;
        esac
    done
    case $row:$stage in
        :* | ?*:v[1-9]* | ?*:makefile_fdopen | ?*:chat) ;;
        *) is_wrong "a row is played on one server: name it with STAGE="; return ;;
    esac
    case $seed in
        *[!0-9]* | 0* | ??????????*)
            is_wrong "SEED is a number from 1 to 999999999"
            return ;;
    esac
    [ -z "$points" ] || points_are_sound "$points"
}

# --- what the tests are told ---

# What a student types to play a test again, and where the programs are built.
set_variables() {
    local typed=$dir build=build/kit LC_ALL=C # a to z, and no other letters
    [ -z "$student" ] || typed=work
    case $typed in # as a shell wants it
        *[!a-zA-Z0-9_./-]*)
            typed="'$(printf '%s' "$dir" | sed "s/'/'\\\\''/g")'" ;;
    esac
    export KIT_AGAIN=$mode KIT_HINTS=''
    [ "$dir" = . ] || KIT_AGAIN="$mode DIR=$typed"
    case $typed in . | work) ;; *) KIT_HINTS=" DIR=$typed" ;; esac
    [ "$dir" = . ] ||
        build=${KIT_BUILDS:-build/dir}/$(cd "$dir" && pwd | cksum | tr ' ' _)
    case $build in
        /*) export KIT_BUILD=$build ;;
        *) export KIT_BUILD=$PWD/$build ;;
    esac
    [ -z "$seed" ] || export KIT_SEED=$seed
    export KIT_ROOT=$PWD KIT_TOOLS=$PWD/build/kit KIT_RECORDS=$work/records
}

# --- the tests' own tools, and what they can contain ---

build_tools() {
    local tool
    unset MAKEFLAGS MFLAGS MAKELEVEL
    make -s -k -j "$(cores)" -f tests/sandbox/programs.mk >"$work/tools.log" 2>&1
    for tool in peer confine intake readable row; do
        [ ! -x "$KIT_TOOLS/$tool" ] || continue
        cat "$work/tools.log" >&2
        is_wrong "the tests' own helper, $tool, does not build"
        return
    done
    find_layers "$dir" || return
    [ -z "${KAFKA:-}" ] || network=no # it is out there
    export KIT_NETWORK=$network
}

# A student's row, as data: only what tests/sandbox/row.c has understood.
take_row() {
    "$KIT_TOOLS/row" tests/verdict/sentences.tsv "$row" >"$work/row" || return
    export KIT_ROW=$work/row
}

# --- the plan: one line a cell: STAGE FILE TITLE WANT POINTS ROW ---

# By rung, and then as in the matrix: what others rest on comes first.
# The framework itself is nobody's exercise, and its tests run it without a
# guard: in a submission it is not asked for.
make_plan() {
    ours=no
    [ "$dir" != . ] || ours=yes
    if [ -n "$row" ]; then
        printf '%s\tverdict/row.bats\tyour row\ty\t1\t000\n' "$stage" >"$work/plan"
        echo "$stage" >"$work/planned"
        return
    fi
    awk -F '"' '/^@test / { f = FILENAME; sub(/.*\//, "", f); print $2 "\t" f }' \
        tests/*.bats >"$work/index"
    TITLE=$title ROWS=$rows awk -F '\t' -v mode="$mode" -v only="$stage" \
        -v ours="$ours" '
        BEGIN { title = ENVIRON["TITLE"]; rows = ENVIRON["ROWS"] }
        FILENAME == ARGV[1] { file[$1] = $2; next }
        FILENAME != "tests/matrix.tsv" { if ($0 !~ /^#/) worth[$1, $3] = $2; next }
        FNR == 1 { for (i = 3; i <= NF; i++) stage[i] = $i; next }
        title != "" && $1 != title { next }
        rows != "" && $1 !~ rows { next }
        {
            for (i = 3; i <= NF; i++) {
                if ((only != "" && stage[i] != only) ||
                    (ours == "no" && stage[i] == "socketserver") ||
                    ($i != "y" && (mode != "matrix" || $i !~ /^n:/)))
                    continue
                points = $2
                if (($1, "") in worth) points = worth[$1, ""]
                if (($1, stage[i]) in worth) points = worth[$1, stage[i]]
                printf "%d %d\t%s\t%s\t%s\t%s\t%s\t%03d\n", i, FNR, stage[i], \
                    file[$1], $1, $i, points, FNR
            }
        }' "$work/index" ${points:+"$points"} tests/matrix.tsv |
        sort -n -k 1,1 -k 2,2 | cut -f 2- >"$work/plan"
    cut -f 1 "$work/plan" | sort -u >"$work/planned"
    [ -s "$work/plan" ] || { nothing_to_play >&2; return 1; }
}

# cell_of TITLE RUNG: what the matrix says of it.
cell_of() {
    TITLE=$1 awk -F '\t' -v rung="$2" '
        FNR == 1 { for (i = 3; i <= NF; i++) if ($i == rung) n = i }
        $1 == ENVIRON["TITLE"] { print $n }' tests/matrix.tsv
}

nothing_to_play() {
    if [ -n "$title" ] && ! cut -f 1 tests/matrix.tsv | grep -qxF -e "$title"
    then
        if grep -qF -e "@test \"$title\" {" tests/*.bats; then
            echo "run: '$title' has a test, and no line in tests/matrix.tsv:" \
                "only what stands there is played (CONTRIBUTING.md)"
            return
        fi
        echo "run: there is no behaviour '$title'; tests/matrix.tsv has the" \
            "titles, and ROWS=word plays all that hold the word"
    elif [ -n "$title" ] && [ -n "$stage" ]; then
        case $(cell_of "$title" "$stage") in
            n:*) echo "run: that is a known flaw of $stage: it is not graded$(
                [ -f .handout ] || echo '; make matrix plays it')" ;;
            *) echo "run: that is not asked of $stage" ;;
        esac
        return
    else
        echo "run: none of these behaviours is asked of ${stage:-any rung}:" \
            "see - and n: in tests/matrix.tsv; make matrix plays known flaws"
    fi
    echo "The rungs: $(columns | tr '\n' ' ')"
}

# --- build ---

# The framework's tests need all that stands on it; the client's room is ours.
build_programs() {
    local programs
    find_lacking
    programs=$(grep -vx socketserver "$work/planned" |
        grep -vxF "$(cut -f 1 "$work/lacking")")
    if grep -qx socketserver "$work/planned"; then
        programs="$programs echo serve client"
        grep -qx chat "$work/planned" || programs="$programs chat"
        make -s -k -f tests/sandbox/programs.mk framework \
            >"$work/framework.log" 2>&1
    fi
    # shellcheck disable=SC2086 # Each word is a rung.
    [ -z "$programs" ] ||
        TMPDIR=$work tests/sandbox/build "$dir" "$KIT_BUILD" $programs || return
    ! grep -qx client "$work/planned" || [ ! -d v6_errors ] ||
        TMPDIR=$work tests/sandbox/build . "$KIT_TOOLS" v6_errors || return
    find_absent
    find_unbuilt
}

# Of which rungs something is missing here that they need, RUNG<tab>WHAT.
find_lacking() {
    local s what
    while read -r s; do
        ! what=$(missing_of "$s") || printf '%s\t%s\n' "$s" "$what"
    done <"$work/planned" >"$work/lacking"
}

# Is there something that the stage is made of? What lacks something here has not
# been taken in.
is_there() {
    local f folder=$KIT_BUILD/src/$1
    ! cut -f 1 "$work/lacking" | grep -qx -e "$1" || folder=$dir/$1
    case $1 in
        socketserver) [ -f socketserver/socketserver.c ]; return ;;
        chat) [ -f "$KIT_BUILD/src/chat/chat.c" ]; return ;;
    esac
    for f in "$folder"/*.c; do
        [ ! -f "$f" ] || return 0
    done
    return 1
}

not_there() {
    local made_of='.c file'
    [ "$stage" != chat ] || made_of=chat.c
    printf 'There is no %s, or no %s in it; %s holds: %s\n' \
        "$dir/$(folder_of "$stage")" "$made_of" "$dir" \
        "$(cd "$dir" && shopt -s nullglob && set -- * &&
            echo "${*:-nothing}" | "$KIT_TOOLS/readable")"
}

# A rung that is not there, in a student's folder, is not started yet.
find_absent() {
    local s
    while read -r s; do
        is_there "$s" || echo "$s"
    done <"$work/planned" >"$work/absent"
    # Where some rows are asked for, only what is there is asked.
    if [ -z "$stage" ] && [ -n "$title$rows" ]; then
        awk -F '\t' 'FNR == NR { absent[$1]; next } !($1 in absent)' \
            "$work/absent" "$work/plan" >"$work/present"
        [ ! -s "$work/present" ] || {
            : >"$work/absent"
            mv "$work/present" "$work/plan"
        }
    fi
    if [ -n "$stage" ] && [ -s "$work/absent" ] &&
        [ ! -s "$KIT_BUILD/src/$stage.left" ]; then
        not_there
    fi
}

is_built() {
    if [ "$1" = socketserver ]; then
        [ -x build/kit/asan/framework ] && [ -x build/kit/asan/echo ] &&
            [ -x build/kit/asan/serve ] && [ -x build/kit/asan/chat ] &&
            [ -x build/kit/caller ]
    else
        [ -x "$KIT_BUILD/asan/$1" ]
    fi
}

find_unbuilt() {
    local s
    cut -f 1 "$work/plan" | sort -u | while read -r s; do
        grep -qx "$s" "$work/absent" || is_built "$s" || echo "$s"
    done >"$work/unbuilt"
}
