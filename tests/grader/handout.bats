#!/usr/bin/env bats
# handout: what a class gets, week after week, and what a student does with it.

load outside.bash

# All releases of a course, one after another in one folder; a copy of each.
setup_file() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    command -v git >/dev/null 2>&1 && command -v python3 >/dev/null 2>&1 ||
        return 0
    (
        outside_of_bats
        for stage in $(stages); do
            make -s handout STAGE="$stage" TO="$BATS_FILE_TMPDIR/class" 3>&- &&
                cp -R "$BATS_FILE_TMPDIR/class" "$BATS_FILE_TMPDIR/$stage" ||
                exit 1
        done
    )
}

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    outside_of_bats
    kit=$PWD all=$BATS_FILE_TMPDIR to=$BATS_TEST_TMPDIR/class
    for tool in git python3; do
        command -v $tool >/dev/null 2>&1 || skip "no $tool here"
    done
    export GIT_CONFIG_GLOBAL=/dev/null # nobody's own settings
}

# The first exercise of each release, in the order of the course.
stages() {
    sed '/^#/d; s/ .*//' tools/handout.d/course
}

hand_out() {
    run make -s handout STAGE="$1" TO="${2-$to}" 3>&-
    printf '%s\n' "$output"
}

# refused REGEX: the last hand_out was, and changed nothing in the folder.
refused() {
    [ "$status" -ne 0 ]
    prints "$1"
    [ "$(state_of "$to")" = "$before" ]
}

# Every file of a folder and beside it, and git's history.
state_of() {
    (cd "$1/.." && find . -type f ! -path '*/.git/*' -exec cksum {} + | sort
        git -C "$1" rev-parse HEAD 2>/dev/null || :)
}

# asked STAGE: the columns of its matrix, one a line.
asked() {
    head -n 1 "$all/$1/tests/matrix.tsv" | cut -f 3- | tr '\t' '\n'
}

# --- what is in it ---

@test "a course is a history of one commit a release" {
    [ "$(git -C "$all/class" rev-list --count HEAD)" -eq "$(stages | wc -l)" ]
    git -C "$all/class" log --format=%s | tee /dev/stderr |
        grep -q '^v5_locks: what you start from, and its tests$'
    [ -z "$(git -C "$all/class" status --porcelain)" ]
}

@test "a rung comes with the release after the one that asks for it" {
    local stage past=''
    for stage in $(stages); do
        echo "$stage"
        [ ! -e "$all/$stage/$stage" ]
        [ -z "$past" ] || [ "$past" = chat ] || cmp "$past/server.c" \
            "$all/$stage/$past/server.c"
        past=$stage
    done
    [ -e "$all/v6_errors/makefile_fdopen" ]
    [ ! -e "$all/v6_errors/client" ]
    [ ! -e "$all/v6_errors/socketserver" ]
    [ -e "$all/chat/socketserver/socketserver.c" ]
    [ ! -e "$all/chat/socketserver/chat.c" ]
    cmp socketserver/chat.c "$all/v7_queue/socketserver/chat.c"
}

@test "a release has all files of the one before, so that unpacking over it does" {
    local stage past=''
    for stage in $(stages); do
        [ -z "$past" ] || [ -z "$(comm -23 <(cd "$all/$past" && git ls-files) \
            <(cd "$all/$stage" && git ls-files) | tee /dev/stderr)" ]
        past=$stage
    done
}

# What names programs in its own code, and tells nothing of them.
machinery='tests/run|tests/language.bash|tests/(peer|sandbox|verdict)/|tools/'

@test "nothing tells of a rung that is not asked yet" {
    local stage name
    for stage in $(stages); do
        for name in $(head -n 1 tests/matrix.tsv | cut -f 3-); do
            ! asked "$stage" | grep -qxF "$name" || continue
            case $name in client) name=client/ ;; chat) name=chat.c ;; esac
            echo "$stage: $name"
            git -C "$all/$stage" ls-files >"$BATS_TEST_TMPDIR/files"
            ! grep -E "$name" "$BATS_TEST_TMPDIR/files" || false
            ! (cd "$all/$stage" && git grep -nE "$name" -- . ':!*.svg') |
                grep -vE "^($machinery)|v1_echo \| makefile_fdopen\)" || false
        done
    done
}

@test "neither solutions nor what is ours alone is in it" {
    local stage name
    for stage in $(stages); do
        for name in tests/mutants tests/variants tests/hostile tests/grader \
            tests/framework tools/handout tools/check tools/carry; do
            echo "$stage: $name"
            [ ! -e "$all/$stage/$name" ]
        done
        name=notes/$stage.md
        [ "$stage" != chat ] || name=notes/socketserver.md
        echo "$stage: $name"
        grep -q '^## The idea' "$all/$stage/$name"
        ! grep -E '^```(c|diff)$|^## (The lines|Questions)' \
            "$all/$stage/$name" || false
        ! grep -n 'or the instructor' "$all/$stage"/*.md "$all/$stage"/notes/*.md ||
            false
    done
    # What the rungs that are there show of it, the notes show.
    [ ! -e "$all/v1_echo/notes/flaws.md" ]
    grep -q '^## After quit, the next client' "$all/v3_event/notes/flaws.md"
    ! grep -q '^## The list has no lock' "$all/v4_broadcast/notes/flaws.md" || false
    grep -q '^## The list has no lock' "$all/v6_errors/notes/flaws.md"
}

@test "each behaviour that is asked has its test, and no other is there" {
    local stage
    for stage in $(stages); do
        echo "$stage"
        diff <(awk -F '\t' 'NR > 1 { for (i = 3; i <= NF; i++) if ($i == "y") {
                print $1; next } }' "$all/$stage/tests/matrix.tsv" | sort) \
            <(sed -n 's/^@test "\(.*\)" {$/\1/p' "$all/$stage"/tests/*.bats |
                sort)
        # A helper that came from another file has no namesake.
        ! grep -hoE '^[a-z_]+\(\)' "$all/$stage"/tests/*.bats | sort | uniq -d |
            grep . || false
        diff <(cut -f 1 "$all/$stage/tests/hints.tsv" | sed 1d | sort) \
            <(sed -n 's/^@test "\(.*\)" {$/\1/p' "$all/$stage"/tests/*.bats |
                sort)
    done
}

# Of a file: what its headings, or its links, name.
anchors_of() {
    sed -n 's/^#\{1,\} //p' "$1" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9_\n-' |
        sed 's/^/#/' | sort -u
}

links_of() {
    tr '\n' ' ' <"$1" | grep -oE '\] *\([^) ]*\)' | sed 's/.*(\(.*\))/\1/' | sort -u
}

# leads_somewhere FILE LINK: what a link in a file names is there.
leads_somewhere() {
    local path=${2%%#*}
    [ -z "$path" ] || path=$(dirname "$1")/$path
    [ -e "${path:=$1}" ] || return 1
    case $2 in
        *#*) anchors_of "$path" | grep -qxF -e "#${2#*#}" ;;
    esac
}

@test "no link in it is dead" {
    local stage file path link
    for stage in $(stages); do
        echo "$stage"
        cd "$all/$stage" || return 1
        for file in README.md NOTES.md notes/*.md; do
            links_of "$file" >"$BATS_TEST_TMPDIR/links"
            grep -qE '^#|NOTES|notes' "$BATS_TEST_TMPDIR/links"
            while read -r link; do
                leads_somewhere "$file" "$link" || {
                    echo "$file: $link"
                    return 1
                }
            done <"$BATS_TEST_TMPDIR/links"
        done
        # Each chapter can be reached, and each hint names one that is there.
        diff <(links_of NOTES.md | grep '^notes/') <(ls notes/*.md)
        sed 1d tests/hints.tsv | cut -f 3 | grep . | sort -u |
            while read -r path; do
                ls "notes/$path.md" >/dev/null || exit 1
            done
    done
}

@test "no command in it is one that its make does not have" {
    local stage target
    for stage in $(stages); do
        cd "$all/$stage" || return 1
        make -s help >"$BATS_TEST_TMPDIR/help"
        make -s start STAGE="$stage" 3>&- >"$BATS_TEST_TMPDIR/said"
        cat README.md NOTES.md notes/*.md work/*/TASK.md "$BATS_TEST_TMPDIR/help" \
            "$BATS_TEST_TMPDIR/said" |
            sed -nE 's/.*(^|`| )make (-s )?([a-z]+)( [A-Z]+=.*|`.*|  .*|)$/\3/p' |
            sort -u >"$BATS_TEST_TMPDIR/targets"
        grep -qx start "$BATS_TEST_TMPDIR/targets"
        while read -r target; do
            echo "$stage: make $target"
            grep -qE "^$target:" Makefile
            grep -qE "^  make $target " "$BATS_TEST_TMPDIR/help"
        done <"$BATS_TEST_TMPDIR/targets"
        rm -r work
    done
}

@test "the archive holds what the folder holds" {
    mkdir "$BATS_TEST_TMPDIR/unpacked"
    tar -xzf "$all/class.tar.gz" -C "$BATS_TEST_TMPDIR/unpacked"
    diff -r --exclude=.git "$all/class" "$BATS_TEST_TMPDIR/unpacked/class"
}

# --- week after week ---

@test "the same release again makes no commit" {
    hand_out v2_threads
    prints 'a new release'
    before=$(state_of "$to")
    hand_out v2_threads
    [ "$status" -eq 0 ]
    prints 'up to date already'
    [ "$(state_of "$to")" = "$before" ]
    # The archive is made again, where it has gone.
    rm "$to.tar.gz"
    hand_out v2_threads
    [ -s "$to.tar.gz" ]
}

@test "a student's clone is brought up to date by git pull, and work stays" {
    hand_out v2_threads
    clone=$BATS_TEST_TMPDIR/clone
    git clone -q "$to" "$clone"
    make -s -C "$clone" start STAGE=v2_threads 3>&- >/dev/null
    (cd "$clone/work" && echo mine >v2_threads/server.c) || return 1
    hand_out v3_event
    [ "$(git -C "$to" rev-list --count HEAD)" -eq 2 ]
    cd "$clone" || return 1
    git pull -q --no-rebase --no-edit 3>&-
    cmp "$kit/v2_threads/server.c" v2_threads/server.c
    [ "$(cat work/v2_threads/server.c)" = mine ]
    [ -e tests/v3_event.bats ]
}

# as_written HEADING: the commands that the hand-out's README has there.
as_written() {
    awk -v heading="## $1" '/^## / { here = $0 == heading }
        here { print }' README.md |
        sed -n "s|URL|$BATS_TEST_TMPDIR/hers.git|; s/^    //p"
}

# Of a student who keeps her work in a repository of her own: it, after the
# commands of the README.
keeps_work() {
    hand_out "$1"
    git init -q --bare "$BATS_TEST_TMPDIR/hers.git"
    git clone -q "$to" "$BATS_TEST_TMPDIR/clone"
    cd "$BATS_TEST_TMPDIR/clone" || return 1
    git config user.name Ann
    git config user.email ann@localhost
    make -s start STAGE="$1" 3>&- >/dev/null
    cp "${2-$kit/$1/server.c}" "work/$1/server.c"
    touch "work/$1/server" "work/$1.tar.gz"
    as_written 'Your work in git' >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -eq 6 ]
    bash -e "$BATS_TEST_TMPDIR/commands" 3>&- >/dev/null
    [ -z "$(git status --porcelain)" ]
}

@test "work that is committed stays, too, and the next release comes by pull" {
    keeps_work v2_threads
    cd "$kit" && hand_out v3_event
    cd "$BATS_TEST_TMPDIR/clone" || return 1
    # shellcheck disable=SC2046 # words are wanted
    run $(tr '\n' ' ' <README.md | grep -oE 'git pull [a-z -]*course main') 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    cmp "$kit/v2_threads/server.c" v2_threads/server.c
    [ "$(git log --format=%s work)" = 'the second client is served' ]
    [ -z "$(git status --porcelain)" ]
    [ -e tests/v3_event.bats ]
}

@test "the instructor's own work/ in it is left alone, and no release has one" {
    hand_out v2_threads
    make -s -C "$to" start STAGE=v2_threads 3>&- >/dev/null
    hand_out v3_event
    [ "$status" -eq 0 ]
    (cd "$to/work" && [ -e v2_threads/server.c ]) || return 1
    git -C "$to" add work
    git -C "$to" -c user.name=i -c user.email=i@localhost commit -qm mine
    before=$(state_of "$to")
    hand_out v4_broadcast
    refused 'work/ in its history'
}

# --- GitHub Actions ---

# The commands of the steps of a workflow: a file each, 1.sh and so on.
steps_of() {
    awk -v to="$BATS_TEST_TMPDIR" '
        { match($0, /^ */); deep = RLENGTH }
        inside && NF && deep <= at { inside = 0 }
        inside { print substr($0, at + 3) >file }
        /^ *run: [|]$/ { inside = 1; at = deep; file = to "/" ++n ".sh" }
    ' "$1"
}

# Plays the steps of a push as GitHub would: in a fresh clone of what was
# pushed, each with its options for bash. What the runner reads is in $said,
# the page of the run in the file summary.
push_is_graded() {
    git clone -q -b main "$BATS_TEST_TMPDIR/hers.git" \
        "$BATS_TEST_TMPDIR/checkout"
    cd "$BATS_TEST_TMPDIR/checkout" || return 1
    steps_of .github/workflows/grade.yml
    [ -s "$BATS_TEST_TMPDIR/2.sh" ]
    [ ! -e "$BATS_TEST_TMPDIR/3.sh" ]
    mkdir "$BATS_TEST_TMPDIR/bin" "$BATS_TEST_TMPDIR/temp"
    printf '#!/bin/sh\necho "$*" >>"%s"\n' "$BATS_TEST_TMPDIR/asked" \
        >"$BATS_TEST_TMPDIR/bin/sudo"
    chmod +x "$BATS_TEST_TMPDIR/bin/sudo"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    export RUNNER_TEMP=$BATS_TEST_TMPDIR/temp CI=true
    export GITHUB_STEP_SUMMARY=$BATS_TEST_TMPDIR/summary
    bash --noprofile --norc -eo pipefail "$BATS_TEST_TMPDIR/1.sh"
    grep -qx 'apt-get install -y build-essential bats' "$BATS_TEST_TMPDIR/asked"
    run bash --noprofile --norc -eo pipefail "$BATS_TEST_TMPDIR/2.sh" 3>&- \
        </dev/null
    printf '%s\n' "$output"
    # All that could be an order is between the token's two lines.
    token=$(printf '%s\n' "$output" | sed -n '1s/^::stop-commands:://p')
    [ "${#token}" -eq 32 ]
    [ "$(printf '%s\n' "$output" | tail -n 1)" = "::$token::" ]
    [ "$(printf '%s\n' "$output" | grep -cF "$token")" -eq 2 ]
    # Of its own repository, nothing is changed by being graded.
    [ -z "$(git status --porcelain)" ]
}

@test "GitHub grades a push: a program that holds" {
    keeps_work v1_echo
    push_is_graded
    [ "$status" -eq 0 ]
    grep -qE '^ {4}.*v1_echo +#{20} ' "$BATS_TEST_TMPDIR/summary"
    lacks -v '^    ' "$BATS_TEST_TMPDIR/summary"
}

@test "GitHub grades a push: a program that fails, and gives orders" {
    sed 's/"Your msg = "/"::error::Your msg = "/' \
        "$kit/v1_echo/server.c" >"$BATS_TEST_TMPDIR/bad.c"
    keeps_work v1_echo "$BATS_TEST_TMPDIR/bad.c"
    push_is_graded
    [ "$status" -ne 0 ]
    grep -q '^    .*::error::Your msg' "$BATS_TEST_TMPDIR/summary"
    lacks -v '^    ' "$BATS_TEST_TMPDIR/summary"
}

@test "a folder is brought up to date by unpacking over it, and work stays" {
    hand_out v2_threads
    cd "$BATS_TEST_TMPDIR" && mkdir student
    tar -xzf class.tar.gz -C student
    mkdir student/class/work
    (cd student/class/work && echo mine >mine.c) || return 1
    cd "$kit" && hand_out v3_event
    tar -xzf "$to.tar.gz" -C "$BATS_TEST_TMPDIR/student"
    cd "$BATS_TEST_TMPDIR/student/class" || return 1
    [ "$(cat work/mine.c)" = mine ]
    diff -r --exclude=.git --exclude=work "$to" .
}

@test "a folder that is no hand-out is refused, and stays as it is" {
    mkdir "$to"
    echo precious >"$to/NOTES.md"
    before=$(state_of "$to")
    hand_out v2_threads
    refused 'no hand-out'
    git init -q "$to" && git -C "$to" add -A
    before=$(state_of "$to")
    hand_out v2_threads
    refused 'no hand-out'
    hand_out v2_threads .
    refused 'in this kit'
    hand_out v2_threads tests
    refused 'in this kit'
}

@test "an archive of another's making is not written over" {
    echo precious >"$to.tar.gz"
    hand_out v2_threads
    [ "$status" -ne 0 ]
    [ "$(cat "$to.tar.gz")" = precious ]
    [ ! -e "$to" ]
}

@test "an earlier exercise than the one that is set there is refused" {
    hand_out v3_event
    before=$(state_of "$to")
    hand_out v2_threads
    refused 'has v3_event already'
}

@test "what was changed there by hand is named, and nothing is written" {
    hand_out v2_threads
    echo mine >>"$to/README.md"
    before=$(state_of "$to")
    hand_out v3_event
    refused '^    README.md$'
    git -C "$to" -c user.name=i -c user.email=i@localhost commit -qam mine
    before=$(state_of "$to")
    hand_out v3_event
    refused '^    README.md$'
}

@test "what was added there, and committed, stays" {
    hand_out v2_threads
    echo 'on Monday' >"$to/DEADLINES.md"
    git -C "$to" add DEADLINES.md
    git -C "$to" -c user.name=i -c user.email=i@localhost commit -qm mine
    hand_out v3_event
    [ "$status" -eq 0 ]
    [ "$(cat "$to/DEADLINES.md")" = 'on Monday' ]
    [ -e "$to/v2_threads/server.c" ]
}

@test "a change in the kit comes with the same release, made again" {
    cp -R "$all/class" "$to"
    mkdir "$BATS_TEST_TMPDIR/kit"
    git ls-files -co --exclude-standard | tar -cf - -T - |
        tar -xf - -C "$BATS_TEST_TMPDIR/kit"
    cd "$BATS_TEST_TMPDIR/kit" || return 1
    echo '/* better */' >>v1_echo/server.c
    rm proofs/volatile_is_not_atomic.c
    hand_out v11_log
    [ "$status" -eq 0 ]
    git -C "$to" log -1 --format=%s | grep -q 'v11_log: brought up to date'
    grep -q better "$to/v1_echo/server.c"
    [ ! -e "$to/proofs/volatile_is_not_atomic.c" ]
}

@test "STAGE and TO are asked for, and an unknown exercise is named" {
    run make -s handout 3>&-
    [ "$status" -ne 0 ]
    prints 'STAGE=v3_event'
    hand_out v2_threads ''
    [ "$status" -ne 0 ]
    prints 'TO=../handout'
    hand_out socketserver
    [ "$status" -ne 0 ]
    prints 'is one of: v1_echo'
    [ ! -e "$to" ]
}

# --- the student ---

# Plays the commands of the README of a hand-out, as they stand there, with
# ours in place of what is begun before the last one. Of the untouched exercise
# a few rows are played only.
play_readme() {
    local stage=$1 command
    cp -R "$all/$stage" "$to"
    cd "$to" || return 1
    awk '/^```sh$/ { here = 1; next } /^```$/ { here = 0 }
        here { sub(/ +#.*/, ""); print }' README.md >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -ge 8 ]
    while read -r command; do
        echo "-- $command"
        case $command in
            'make watch '*) continue ;; # loop.bats
            'make test '*)
                run bash -c "$command ROWS='^quit is|^on port'" 3>&- </dev/null
                printf '%s\n' "$output"
                [ "$status" -eq 2 ] || return 1
                prints "$2"
                continue ;;
            'make submit '*) cp "$kit/$stage"/*.c "work/$stage/" ;;
        esac
        run bash -c "$command" 3>&- </dev/null
        printf '%s\n' "$output"
        [ "$status" -eq 0 ] || return 1
    done <"$BATS_TEST_TMPDIR/commands"
    prints "^  $stage +#{20} "
    prints '^Every graded row passes'
    [ "$(tar -tzf "work/$stage.tar.gz" | grep -v '/$')" = "$stage/server.c" ]
    # What she wrote is there to be committed, and nothing that was made of it.
    [ "$(git status --porcelain -uall)" = "?? work/$stage/Makefile
?? work/$stage/TASK.md
?? work/$stage/server.c" ]
}

@test "the README's commands work, from start to submit: an early rung" {
    play_readme v2_threads 'v2_threads: quit is acknowledged'
    [ "$(make -s status | grep -c .)" -eq 2 ]
    make -s demo 3>&- | grep -q '^v1_echo answers one client'
    make -s && v1_echo/server -h >/dev/null
}

@test "the README's commands work, from start to submit: a late rung" {
    cp -R "$all/v9_poll" "$to"
    cd "$to" || return 1
    make -s start STAGE=v9_poll 3>&- >/dev/null
    grep -q '^Where a session in the notes runs `v9_poll/server`, run your own' \
        work/v9_poll/TASK.md
    grep -q '^    work/v9_poll/server$' work/v9_poll/TASK.md
    cmp "$kit/v8_lines/server.c" work/v9_poll/server.c
    make -s test TEST='SIGTERM ends the server as quit does' \
        STAGE=v9_poll 3>&- >/dev/null && return 1
    make -s hint 3>&- | grep -q '^v9_poll: SIGTERM ends the server as quit does$'
    make -s hint 3>&- | grep -q 'notes/v9_poll.md; and '
    cp "$kit/v9_poll/server.c" work/v9_poll/
    run make -s submit STAGE=v9_poll 3>&-
    printf '%s\n' "$output"
    prints '^  v9_poll +#{20} '
    prints '^Every graded row passes'
    make -s status | grep -q '^  v9_poll  *####'
    make -s demo 3>&- | grep -q '^v6_errors: three people with the real client'
    make -s diff STAGE=v8_lines 3>&- | grep -q 'Still wrong in v8_lines'
}

@test "a rung that needs a library says how to install it, and brings its broker" {
    local file
    for file in README.md .github/workflows/grade.yml; do
        ! grep -nE 'redis|kafka' "$all/v9_poll/$file" || false
        grep -q 'libhiredis-dev redis-server' "$all/v10_pubsub/$file"
        ! grep -n kafka "$all/v10_pubsub/$file" || false
        grep -q librdkafka-dev "$all/v11_log/$file"
    done
    cp -R "$all/v11_log" "$to"
    cd "$to" || return 1
    make -s start STAGE=v11_log 3>&- >/dev/null
    grep -q 'through Kafka' work/v11_log/TASK.md
    cp "$kit/v11_log/server.c" work/v11_log/
    run make -s test TEST='a server that starts later joins the same room' 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    prints '^1 passed, 0 failed$|^0 passed, 0 failed, 1 skipped$'
}

@test "nothing begun is told by make test and make status" {
    cd "$all/v3_event" || return 1
    run make -s test 3>&-
    [ "$status" -ne 0 ]
    prints 'make start STAGE=v3_event'
    run make -s status 3>&-
    prints 'make start STAGE=v3_event'
}

@test "a hand-out writes no records, and says so" {
    cp -R "$all/v3_event" "$BATS_TEST_TMPDIR/kit"
    cd "$BATS_TEST_TMPDIR/kit" || return 1
    mkdir work
    run make -s test RESULTS="$BATS_TEST_TMPDIR/records" 3>&-
    [ "$status" -eq 2 ]
    prints "RESULTS= is the instructor's: a hand-out writes no records"
    [ ! -e "$BATS_TEST_TMPDIR/records" ]
}

# --- submit ---

@test "submit packs the sources that are graded, whatever fails, and says so" {
    local dir=$BATS_TEST_TMPDIR/mine
    mkdir -p "$dir/v1_echo/sub"
    echo 'int main(void) { return oops; }' >"$dir/v1_echo/server.c"
    echo '/* mine */' >"$dir/v1_echo/it's mine.h"
    echo secret >"$BATS_TEST_TMPDIR/secret"
    ln -s ../../secret "$dir/v1_echo/link.c"
    touch "$dir/v1_echo/server" "$dir/v1_echo/TASK.md"
    run make -s submit STAGE=v1_echo DIR="$dir" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    prints 'v1_echo/server.c$'
    prints 'link.c +a link, not a file'
    prints '^Left out, and not needed: TASK.md server$'
    prints '^Not every graded row passes: make test '
    [ "$(tar -tzf "$dir/v1_echo.tar.gz" | grep -v '/$' | sort)" = \
        "v1_echo/it's mine.h
v1_echo/server.c" ]
}

@test "submit packs nothing where there is nothing" {
    local dir=$BATS_TEST_TMPDIR/mine
    mkdir -p "$dir/v1_echo"
    run make -s submit STAGE=v1_echo DIR="$dir" 3>&-
    [ "$status" -ne 0 ]
    prints 'no .c file'
    run make -s submit STAGE=v2_threads DIR="$dir" 3>&-
    [ "$status" -ne 0 ]
    prints 'make start STAGE=v2_threads'
    run make -s submit 3>&-
    [ "$status" -ne 0 ]
    prints 'STAGE='
    [ ! -e "$dir/v1_echo.tar.gz" ]
}
