#!/usr/bin/env bats
# hostile: programs that attack the test that they are in. Each is submitted as
# a v1_echo; beside it stands its verdict, and nothing of it may be left.

load outside.bash

row='every message is answered, one after another'

# A kit of a plain user's, which others may not look into, and beside it the
# work of a neighbour. Built once.
setup_file() {
    local kit
    plain=$(mktemp -d "${TMPDIR:-/tmp}/plain.XXXXXX")
    export plain plain_user=60999
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    kit=$plain/kit
    mkdir "$kit" "$plain/tmp" "$plain/neighbour" "$plain/neighbour/v1_echo"
    tar -cf - --exclude ./build --exclude ./.git . | tar -xf - -C "$kit"
    cp v1_echo/server.c "$plain/neighbour/v1_echo/"
    [ "$(id -u)" -ne 0 ] || chown -R "$plain_user:$plain_user" "$plain"
    (cd "$kit" && as_plain sh -c 'make -s -f tests/sandbox/programs.mk &&
        tests/sandbox/build . build/kit v1_echo') >"$plain/log" 2>&1 3>&- || :
}

teardown_file() {
    rm -rf "$plain"
}

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    work=$BATS_TEST_TMPDIR
    submission=$work/submission
    mkdir -p "$submission/v1_echo" "$work/tmp"
    outside_of_bats
}

# Grades the program, for this one row.
submit() {
    cp tests/hostile/echo.h "tests/hostile/$1.c" "$submission/v1_echo/"
    run tests/run --dir "$submission" --stage v1_echo --test "$row" \
        --keep "$work/kept" 3>&-
    printf '%s\n' "$output"
}

# The verdict of the row: passed, failed or error, and its class.
verdict_is() {
    local seen
    seen=$(cut -f 4,5 "$work/kept/verdicts" | tr '\t' ' ')
    # shellcheck disable=SC2254 # The words are patterns.
    case $seen in $1) ;; *) echo "verdict: $seen, not $1"; return 1 ;; esac
}

# No process runs the program any more.
nothing_is_left() {
    local exe
    [ -d /proc/self ] || skip "nothing here (no /proc) tells what runs"
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe" 2>/dev/null) in
            "$PWD/build/dir/$(cd "$submission" && pwd | cksum | tr ' ' _)"/*v1_echo*)
                echo "left: $exe"
                return 1 ;;
        esac
    done
}

# Neither in its own folder nor in the place for temporary files.
disk_is_as_before() {
    local size
    size=$(du -sk "$work/kept" | cut -f 1)
    [ "$size" -lt 20000 ] || { echo "$size KiB are left"; return 1; }
}

@test "a program that echoes passes, without our descriptors, environment or root" {
    [ "$(uname)" = Linux ] || [ "$(id -u)" -ne 0 ] ||
        skip "here root runs programs as root"
    submit looks_around
    verdict_is 'passed *'
    nothing_is_left
}

@test "zero bytes in a log hide nothing that comes behind them" {
    submit logs_nuls
    verdict_is 'passed *'
}

@test "a daemon in a session of its own is failed, and ended" {
    submit daemon
    verdict_is 'failed [es]*' # exit0 or start: which is seen first, is luck
    nothing_is_left
}

@test "one that ignores all signals, with a child, is judged, and ended" {
    submit immortal
    verdict_is 'passed *'
    nothing_is_left
}

@test "one that prints 'ok', and writes records, is never passed" {
    submit forger
    verdict_is '[fe]*' # error: it got as far as the peer's answers
}

@test "one that logs without end is failed, at once, and fills no disk" {
    submit endless_log
    verdict_is 'failed flood'
    nothing_is_left
    disk_is_as_before
}

@test "one that answers without end is failed, and fills no memory" {
    submit endless_answer
    verdict_is 'failed flood'
    nothing_is_left
    disk_is_as_before
}

@test "one that fills a file is failed, and the file is gone" {
    submit endless_file
    verdict_is 'failed signal25'
    nothing_is_left
    disk_is_as_before
    [ ! -e endless ]
}

@test "a fork bomb is failed, and ended to the last copy" {
    submit fork_bomb
    verdict_is 'failed forks'
    nothing_is_left
}

# 900 threads of somebody else, who ends when the program is there.
@test "a fork bomb is failed while as many threads of others end" {
    [ -r /proc/loadavg ] || skip "nothing here tells how many threads there are"
    python3 -c 'pass' 2>/dev/null || skip "python3 is missing"
    python3 - "$(cd "$submission" && pwd | cksum | tr ' ' _)" \
        <<'END' >"$work/others" 3>&- &
import glob, os, sys, threading, time
threading.stack_size(65536)
for _ in range(900):
    threading.Thread(target=time.sleep, args=(120,), daemon=True).start()
print('there', flush=True)
for _ in range(6000):
    for exe in glob.glob('/proc/[0-9]*/exe'):
        try:
            if '%s/asan/v1_echo' % sys.argv[1] in os.readlink(exe):
                raise SystemExit
        except OSError:
            pass
    time.sleep(0.01)
END
    while ! grep -q there "$work/others"; do
        kill -0 "$!" 2>/dev/null || skip "900 threads are not to be had here"
        sleep 0.05
    done
    submit fork_bomb_late
    verdict_is 'failed forks'
    nothing_is_left
}

# Two at a time with one user would share its bound on processes: a room of two
# thousand threads would let the other's server not start. The file that the
# users are locked in is another here, for what others grade goes on meanwhile.
@test "a program's user is no other's that runs at the same time" {
    [ "$(uname)" = Linux ] && [ "$(id -u)" -eq 0 ] ||
        skip "only root on Linux gives each program a user"
    command -v python3 >/dev/null || skip "python3 is not installed"
    left=63000
    echo "#define USER $left" >"$submission/v1_echo/user.h"
    touch "$work/users" /run/kit-users
    unshare --mount mount --bind "$work/users" /run/kit-users ||
        skip "no mounts of its own here (unshare(1))"
    cp tests/hostile/echo.h tests/hostile/tells_its_user.c "$submission/v1_echo/"
    run python3 - "$left" "$work/users" unshare --mount sh -c \
        'mount --bind "$0" /run/kit-users && exec "$@"' "$work/users" \
        tests/run --dir "$submission" --stage v1_echo --test "$row" \
        --keep "$work/kept" 3>&- <<'END'
import fcntl, subprocess, sys
left, file, *command = sys.argv[1:]
with open(file, "a") as users:
    for user in range(61184, 61184 + 4336):
        if user != int(left):
            fcntl.lockf(users, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, user)
    sys.exit(subprocess.run(command).returncode)
END
    printf '%s\n' "$output"
    [ "$status" -eq 0 ]
    verdict_is 'passed *'
}

@test "one that takes all memory is failed, and ended" {
    [ -d /proc/self ] || skip "nothing here (no /proc) tells its size"
    submit memory_hog
    verdict_is 'failed memory'
    nothing_is_left
}

@test "one that kills its process group hits only itself" {
    submit kills_group
    verdict_is 'failed signal9'
    nothing_is_left
}

@test "one that kills its parent is never passed" {
    submit kills_parent
    verdict_is '[fe]*'
    nothing_is_left
}

@test "one that never starts is told so once, whatever is asked of it" {
    cp tests/hostile/never_ready.c "$submission/v1_echo/"
    KIT_DEADLINE=1 run tests/run --dir "$submission" --stage v1_echo 3>&-
    printf '%s\n' "$output"
    [ "$(printf '%s\n' "$output" | grep -c 'how: *start')" -eq 1 ]
    [ "$(printf '%s\n' "$output" | grep -c 'how:')" -eq 1 ]
    nothing_is_left
}

@test "one that dies when it is ready is failed in every row, never ungraded" {
    cp tests/hostile/echo.h tests/hostile/ends_when_ready.c "$submission/v1_echo/"
    run tests/run --dir "$submission" --stage v1_echo --keep "$work/kept" 3>&-
    printf '%s\n' "$output"
    [ "$status" -eq 1 ]
    ! cut -f 4 "$work/kept/verdicts" | grep -x error || false
    nothing_is_left
}

@test "a source that never ends does not compile" {
    [ "$(uname)" = Linux ] || skip "only Linux bounds a compiler's memory"
    submit no_end_of_source
    verdict_is 'failed build'
}

# --- what a hand-in is made of ---

# honest FILE: an honest v1_echo under this name.
honest() {
    cp v1_echo/server.c "$submission/v1_echo/$1"
}

grade() {
    run tests/run --dir "$submission" --stage v1_echo --test "$row" \
        --keep "$work/kept" "$@" 3>&-
    printf '%s\n' "$output"
}

# What the attackers are told: what they would have to guess, most of which is
# easily guessed.
targets() {
    local kit=$1 neighbour=$2 process=$3
    cat >"$submission/v1_echo/targets.h" <<END
#define OURS "$kit/v1_echo/server.c"
#define PROGRAM "$kit/build/kit/asan/v1_echo"
#define FILES "/etc/shadow", OURS, "$kit/v5_locks/server.c", \\
    "$kit/tests/matrix.tsv", "$neighbour/v1_echo/server.c", PROGRAM
#define FOLDERS "$kit/tests", "$kit/build/kit/asan", "$kit/v1_echo", \\
    "$neighbour/v1_echo", "$(cd "$submission" && pwd)", \\
    "$(cd "$submission" && pwd)/v1_echo"
#define PROCESS $process
#define SOCKET "$neighbour/socket"
END
}

# says TEXT: somewhere in what it printed, where blanks in a row are one.
says() {
    case $(printf '%s\n' "$output" | tr -s ' ') in *"$1"*) ;; *) echo "it does not say '$1'"; return 1 ;; esac
}

# Neither in what it printed nor in what is kept: a word of these.
tells_nothing_of() {
    local word
    for word; do
        ! grep -rqF -e "$word" "$work/kept/records" "$work/kept/batches" ||
            { echo "'$word' is told"; return 1; }
        case $output in *"$word"*) echo "'$word' is told"; return 1 ;; esac
    done
}

@test "a file's name is no text of a shell's, of make's or of the compiler's" {
    local name
    while IFS= read -r name; do
        rm -rf "$submission/v1_echo" "$work/kept"
        mkdir "$submission/v1_echo"
        # shellcheck disable=SC2059 # It is a format: names may hold any byte.
        honest "$(printf -- "$name")"
        grade >/dev/null
        verdict_is 'passed *' || { echo "of $name: $output"; return 1; }
        [ -z "$(find . "$submission/v1_echo" -maxdepth 1 -name 'PWNED*')" ]
    done <<'END'
x;id>PWNED;.c
x`id>PWNED`$(id>PWNED).c
two\nlines: error: x.c
-o PWNED.c
server (1).c
it'"'"'s "mine" & yours|x.c
\265\332\322\273.c
END
}

@test "nor is a name of 250 bytes, nor six odd ones at once" {
    honest "$(printf '%0248d' 7).c"
    for name in -fplugin=PWNED.c '@x.c' '$(CC) %@ $@ #.c' '*.c' $'\t.c' ':(x).c'; do
        printf 'int number_%d;\n' "${#name}$RANDOM" >"$submission/v1_echo/$name"
    done
    grade
    verdict_is 'passed *'
}

@test "what lies beside the sources counts for nothing, and is named" {
    honest server.c
    cd "$submission/v1_echo"
    printf 'all:\n\ttouch PWNED\n$(shell touch PWNED)\n' >Makefile
    echo 'shell touch PWNED' >.gdbinit
    echo '-include /etc/shadow' >compile_flags.txt
    mkdir folder.c
    echo '#error' >folder.c/x.c
    echo '#error' >$'forged\n.\t9 of 9 points (.cc'
    printf '#error\n' >server.cpp
    cd "$OLDPWD"
    grade
    verdict_is 'passed *'
    says 'compile_flags.txt not a .c or .h file'
    says 'folder.c a folder: '
    says 'forged\x0a.\x09'
    [ ! -e "$submission/v1_echo/PWNED" ]
}

@test "a link, a FIFO, a socket, a device and what is too large are left out" {
    honest server.c
    cd "$submission/v1_echo"
    ln -s "$OLDPWD/v1_echo/server.c" link.c
    ln -s /etc/passwd passwd.h
    mkfifo fifo.c
    head -c 1100000 /dev/zero >large.c
    mknod device.c c 1 3 2>/dev/null || :
    cd "$OLDPWD"
    grade
    verdict_is 'passed *'
    says 'link.c a link, not a file'
    says 'passwd.h a link, not a file'
    says 'fifo.c not a regular file'
    says 'large.c larger than 1 MiB'
    [ ! -e "$submission/v1_echo/device.c" ] ||
        says 'device.c not a regular file'
}

@test "of many files 100 are taken, and few words are made" {
    local i
    honest server.c
    for ((i = 0; i < 400; i++)); do
        : >"$submission/v1_echo/empty$i.h"
    done
    grade
    [ "$(find "$work/kept" -name '*.left' | wc -l)" -le 1 ]
    [ "$(printf '%s\n' "$output" | grep -c 'left out')" -lt 30 ]
    says 'more for such reasons'
}

@test "a folder that is a link to our rung is not taken" {
    rmdir "$submission/v1_echo"
    ln -s "$PWD/v1_echo" "$submission/v1_echo"
    grade
    says 'the folder it is a link, or not a folder at all'
    says ' 0 of '
    [ "$status" -eq 1 ]
}

@test "what a hand-in calls its notes leads nowhere, and nobody waits for it" {
    mkdir "$submission/.kit"
    echo 'not yours' >"$work/one"
    cp "$work/one" "$work/two"
    ln -s "$work/one" "$submission/.kit/failing.tsv"
    ln "$work/two" "$submission/.kit/progress.tsv"
    cp tests/hostile/ends_when_ready.c tests/hostile/echo.h "$submission/v1_echo/"
    run tests/run --dir "$submission" --stage v1_echo 3>&-
    [ "$(cat "$work/one" "$work/two")" = $'not yours\nnot yours' ]
    rm "$submission"/.kit/*
    mkfifo "$submission/v1_echo/fifo.c"
    ln -s /dev/zero "$submission/v1_echo/zero.c"
    # Whoever reads that FIFO waits until somebody writes; this ends the hang.
    mkfifo "$work/never"
    (read -r -t 300 <>"$work/never" || : >"$work/waited" &&
        exec 5<>"$submission/v1_echo/fifo.c" && sleep 1) 3>&- &
    run tests/run --dir "$submission" --stage v1_echo 3>&-
    [ ! -e "$work/waited" ]
    kill $!
    [ -f "$submission/.kit/progress.tsv" ]
}

@test "names are fit to be read when a rung is missing, too" {
    mkdir "$submission"/$'\e]0;owned\a'
    run tests/run --dir "$submission" --stage v2_threads 3>&-
    printf '%s\n' "$output"
    says '\x1b]0;owned\x07'
}

# --- what a compiler can be asked for ---

# does_not_compile NAME WORDS: and it is said why, in one of the words (a
# pattern): so it was for that and nothing else.
does_not_compile() {
    rm -rf "$submission/v1_echo" "$work/kept"
    mkdir "$submission/v1_echo"
    cp tests/hostile/echo.h tests/hostile/"$1".[ch] "$submission/v1_echo/"
    targets "$PWD" "$PWD" 1
    grade
    verdict_is 'failed build'
    says 'v1_echo does not compile:'
    printf '%s\n' "$output" | grep -qE "$2" || { echo "not $2"; return 1; }
}

# What compilers, in one sandbox or another, say of a file out of reach.
out_of_reach='Permission denied|No such file or directory|file not found'

@test "the compiler reads nobody else's files, and quotes none" {
    local name
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    for name in includes_shadow includes_passwd includes_above includes_ours \
        includes_stdin assembles_passwd; do
        does_not_compile "$name" "$out_of_reach|reference to .main"
        tells_nothing_of root: SO_REUSEADDR 'accept('
    done
}

@test "a file that the assembler is to put into the program stays out" {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    does_not_compile incbin "$out_of_reach"
    tells_nothing_of root:
}

@test "the compiler tells nobody what is there, and its pragmas do nothing" {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    cp tests/hostile/echo.h tests/hostile/asks_what_is_there.c \
        "$submission/v1_echo/"
    targets "$PWD" "$PWD" 1
    grade # it is passed, or the compiler complains
    tells_nothing_of TAKEN
    does_not_compile pragmas "$out_of_reach"
    tells_nothing_of root:
}

@test "a source that grows without end is told so, soon" {
    [ "$(uname)" = Linux ] || skip "only Linux bounds a compiler's memory"
    does_not_compile includes_itself 'nested depth|nested too deeply'
    does_not_compile huge_array 'File too large|too large'
    disk_is_as_before
}

@test "no program can tell a sanitizer to overlook its mistakes" {
    local text
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "the linker cannot do that"
    while IFS= read -r text; do
        honest server.c
        printf '%s\n' "$text" >>"$submission/v1_echo/server.c"
        rm -rf "$work/kept"
        grade
        verdict_is 'failed build'
        printf '%s\n' "$output" | grep -qE \
            'multiple definition|undefined reference|no_sanitize'
    done <<'END'
const char *__tsan_default_suppressions(void) { return "race:*\n"; }
const char *__asan_default_options(void) { return "detect_leaks=0"; }
void __lsan_disable(void); void spare(void) { __lsan_disable(); }
__attribute__((no_sanitize("address"))) void spare(void) { }
END
}

# --- what a program can reach ---

# Its program is ours; its folder and targets.h are made by targets().
attack() {
    cp tests/hostile/echo.h "tests/hostile/$1.c" "$submission/v1_echo/"
    targets "$PWD" "$PWD" "${2:-1}"
    tests/sandbox/build . build/kit v1_echo
    grade
}

@test "a program that becomes our own server is failed" {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    attack runs_ours
    verdict_is 'failed start'
    says 'no server to be had: '
}

@test "a program that tells what others wrote has nothing to tell" {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    attack prints_loot
    verdict_is 'failed start'
    tells_nothing_of root: SO_REUSEADDR 'accept('
}

@test "one whose name has two lines is seen all the same, and ended" {
    [ "$(uname)" = Linux ] || skip "a name is Linux's"
    attack hides_its_name
    verdict_is 'passed *'
    nothing_is_left
}

@test "one that kills its group before main() hits only itself" {
    attack kills_group_early
    verdict_is 'failed start'
    nothing_is_left
}

# Is there a layer at all that keeps one from reading and writing?
contains_strangers() {
    # shellcheck disable=SC2034 # What find_layers sets.
    local layers network contained=no
    . tests/sandbox/layers.bash
    find_layers "$submission"
    [ "$contained" = yes ] || skip "nothing here contains a stranger's program"
}

@test "what lies beside a hand-in cannot be read, in a tree of the system's too" {
    # shellcheck disable=SC2034 # What find_layers sets.
    local layers network contained
    contains_strangers
    set -- /usr/share/*/
    . tests/sandbox/layers.bash
    find_layers "$1"
    build/kit/confine --try "$layers" "$2"
    PEER_HIDDEN=$1 run build/kit/confine --try "$layers" "$2"
    [ "$status" -eq 1 ] # so that says something
}

@test "one that calls each port of the machine reaches nobody" {
    build/kit/confine --network true || skip "no network of its own here"
    cc -pthread -o "$work/neighbour" v1_echo/server.c
    "$work/neighbour" 0 2>"$work/log" 3>&- &
    attack scans_ports
    kill $!
    verdict_is 'passed *'
    ! grep joined "$work/log" || false
}

@test "one that fills its folder is passed, and nothing of it stays" {
    attack fills_scratch
    verdict_is 'passed *'
    nothing_is_left
    disk_is_as_before
}

@test "one that fills the disk with files is failed, and they are gone" {
    attack fills_disk
    verdict_is 'failed disk'
    nothing_is_left
    disk_is_as_before
}

@test "one that writes wherever it may leaves nothing outside its folder" {
    contains_strangers
    attack writes_everywhere
    verdict_is 'passed *'
    [ -z "$(find / /dev /dev/shm /run -maxdepth 4 -xdev \
        -name PWNED-by-a-test 2>&-)" ]
}

@test "one that leaves shared memory and semaphores leaves none here" {
    [ -r /proc/sysvipc/shm ] || skip "nothing here tells of shared memory"
    build/kit/confine --network true || skip "no IPC namespace here"
    attack leaves_ipc
    verdict_is 'passed *'
    ! grep -hw "$((0x6b697421))" /proc/sysvipc/* || false
}

@test "one that replaces its own program leaves it as it was built" {
    local program sum
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    attack replaces_itself
    program=build/dir/$(cd "$submission" && pwd | cksum | tr ' ' _)/asan/v1_echo
    sum=$(cksum "$program")
    attack replaces_itself
    verdict_is 'passed *'
    [ "$sum" = "$(cksum "$program")" ]
    ! grep -r TAKEN "$work/kept" || false
}

@test "one that types into a terminal does not reach the grader's" {
    script -qec true /dev/null </dev/null >/dev/null 2>&1 ||
        skip "no script(1) of Linux's here"
    cp tests/hostile/echo.h tests/hostile/types_for_us.c "$submission/v1_echo/"
    run script -qec "tests/run --dir '$submission' --stage v1_echo \
        --test '$row' --keep '$work/kept'" /dev/null </dev/null 3>&-
    printf '%s\n' "$output"
    verdict_is 'passed *'
}

@test "one that speaks in escapes steers neither terminal nor report" {
    local LC_ALL=C bytes
    cp tests/hostile/echo.h tests/hostile/speaks_in_escapes.c \
        "$submission/v1_echo/"
    grade --results "$work/results"
    verdict_is 'failed bytes'
    printf '%s\n' "$output" >"$work/printed"
    for bytes in $'[\1-\10\13\14\16-\37\177]' $'\302\205' $'\342\200\256' $'\377'; do
        ! grep -rl "$bytes" "$work/results" "$work/printed" || return 1
    done
    ! grep '^[0-9]* passed' "$work/printed" | grep -v '^0 passed, 1 failed' ||
        return 1
    iconv -f UTF-8 -t UTF-8 "$work/printed" >/dev/null
}

# --- each layer alone ---

# as_plain COMMAND...: as a user that is not root.
as_plain() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        setpriv --reuid="$plain_user" --regid="$plain_user" --clear-groups \
            env HOME="$plain" TMPDIR="$plain/tmp" "$@"
    fi
}

as_root() {
    "$@"
}

# Are these layers there, for root or for a plain user? Asked of the system: that
# the kit finds them is what is tested.
have_layers() {
    [ "$(uname)" = Linux ] || skip "there is no sandbox here"
    [ "$1" != as_root ] || [ "$(id -u)" -eq 0 ] || skip "only root can do that"
    [ "$1" = as_root ] || as_plain true 2>/dev/null ||
        skip "no setpriv(1) here, to be a plain user"
    case $2 in
        auto) contains_strangers ;;
        landlock) # from ABI 6 on it keeps signals in, and needs no other user
            [ "$(build/kit/confine --abi)" -ge 6 ] || skip "no Landlock like that" ;;
        bwrap)
            "$1" bwrap --unshare-all --ro-bind / / true 2>/dev/null ||
                skip "bwrap does not run here" ;;
    esac
}

listener='import os, socket, sys, time
one = socket.socket(socket.AF_UNIX)
one.bind(sys.argv[1])
one.listen()
print(os.getpid(), flush=True)
time.sleep(60)'

# begins_a_process WHO: which lives for a minute, with its number in process; it
# listens on a socket, where there is a python3.
begins_a_process() {
    local file=$work/process
    if command -v python3 >/dev/null 2>&1; then
        rm -f "$plain/neighbour/socket"
        "$1" python3 -c "$listener" "$plain/neighbour/socket" >"$file" 2>&1 3>&- &
    else
        # shellcheck disable=SC2016 # That shell's own number.
        "$1" sh -c 'echo $$; exec sleep 60' >"$file" 2>&1 3>&- &
    fi
    while [ ! -s "$file" ]; do sleep 0.05; done
    process=$(cat "$file")
}

# belongs WHO FOLDER: gives him or her a folder.
belongs() {
    mkdir -p "$2"
    case $1:$(id -u) in
        as_plain:0) chown -R "$plain_user:$plain_user" "$2" ;;
        as_root:0) chown -R 0:0 "$2" ;;
    esac
}

# contained WHO LAYERS: reaches_out is passed, for it serves only if nothing but
# its own folder was within its reach; and nothing has changed.
contained() {
    local process builds=$plain/builds.$1
    belongs "$1" "$plain"
    have_layers "$@"
    submission=$plain/submission.$1.$2
    mkdir -p "$submission/v1_echo"
    begins_a_process "$1"
    targets "$plain/kit" "$plain/neighbour" "$process"
    cp tests/hostile/echo.h tests/hostile/reaches_out.c "$submission/v1_echo/"
    mkdir -p "$builds"
    belongs "$1" "$plain"
    touch "$work/before"
    cd "$plain/kit" || return 1
    run "$1" env SANDBOX="$2" KIT_BUILDS="$builds" tests/run \
        --dir "$submission" --stage v1_echo --test "$row" 3>&-
    cd "$OLDPWD" || return 1
    printf '%s\n' "$output"
    kill "$process" # it is alive
    says '1 passed, 0 failed'
    [ -z "$(find "$plain/kit/tests" "$plain/kit/v1_echo" "$plain/neighbour" \
        "$submission" -cnewer "$work/before")" ]
    no_daemon_is_left
}

no_daemon_is_left() {
    ! grep -lsx left_behind /proc/[0-9]*/comm || return 1
}

@test "root: nothing is within reach, with all layers" {
    contained as_root auto
}

@test "root: nothing of a closed folder is within reach, as another user" {
    contained as_root user
}

@test "root: nothing is within reach, behind Landlock" {
    contained as_root landlock
}

@test "root: nothing is within reach, in bubblewrap" {
    contained as_root bwrap
}

@test "a plain user: nothing is within reach, with all layers" {
    contained as_plain auto
}

@test "a plain user: nothing is within reach, behind Landlock" {
    contained as_plain landlock
}

@test "a plain user: nothing is within reach, in bubblewrap" {
    contained as_plain bwrap
}

@test "a plain user: a folder that cannot be read does not stay" {
    have_layers as_plain auto
    belongs as_plain "$plain"
    submission=$plain/submission.fills
    mkdir -p "$submission/v1_echo"
    cp tests/hostile/echo.h tests/hostile/fills_scratch.c "$submission/v1_echo/"
    belongs as_plain "$plain"
    cd "$plain/kit" || return 1
    run as_plain tests/run --dir "$submission" --stage v1_echo --test "$row" 3>&-
    printf '%s\n' "$output"
    says '1 passed, 0 failed'
    [ -z "$(find "$plain/tmp" -name closed)" ]
}

@test "a program that is graded beside one that attacks everybody gets its points" {
    local beside=$work/beside
    contains_strangers
    mkdir -p "$beside/v1_echo"
    cp v1_echo/server.c "$beside/v1_echo/"
    tests/run --dir "$beside" --stage v1_echo --test "$row" --times 5 \
        >"$work/said" 2>&1 3>&- &
    attack reaches_out
    verdict_is 'passed *'
    attack kills_group
    wait $! || { cat "$work/said"; return 1; }
    grep -x '5 passed, 0 failed' "$work/said"
}
