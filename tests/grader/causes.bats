#!/usr/bin/env bats
# causes: what a student is told first, of mistakes that students make. One
# cause is one failure, and its report names it.

load outside.bash

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    dir=$BATS_TEST_TMPDIR/work
    outside_of_bats
    export KIT_DEADLINE=5
}

# wrong RUNG SED: the kit's rung with one change.
wrong() {
    mkdir -p "$dir/$1"
    sed "$2" "$1/server.c" >"$dir/$1/server.c"
    ! cmp -s "$1/server.c" "$dir/$1/server.c"
}

# graded RUNG [ROWS]: a verdict on it.
graded() {
    run tests/run --dir "$dir" --stage "$1" ${2:+--rows "$2"} 3>&-
    printf '%s\n' "$output"
}

# mutant NAME ROWS: a verdict on a rung with one of the mistakes of tests/mutants.
mutant() {
    rm -rf "${dir:?}/${1%%-*}"
    mkdir -p "$dir"
    cp -R "${1%%-*}" "$dir/"
    patch -p1 -s -d "$dir" <"tests/mutants/$1.patch"
    graded "${1%%-*}" "$2"
}

finds_races() {
    grep -q yes build/kit/tsan.probe || grep -q no-r build/kit/tsan.probe ||
        skip "ThreadSanitizer does not run here"
}

# How many failures are argued.
argued() {
    printf '%s\n' "$output" | grep -c "^$1: "
}

knows_threads() {
    [ -r /proc/self/syscall ] || skip "nothing here tells what a thread waits in"
}

@test "a lock that is never released is one failure, and it says mutex" {
    knows_threads
    # The thread that takes a client off the list returns with the lock.
    wrong v5_locks '/^static void leave/,/^}/ { /pthread_mutex_unlock/d; }'
    graded v5_locks 'leaves does not|left|quit is let go|no longer counted'
    [ "$(argued v5_locks)" -eq 1 ]
    prints 'waits for a mutex that is never unlocked: .* locked it and has ended'
    prints 'hint:  Who locked the mutex, and is it unlocked on every way out'
    prints '      - .* \(timeout\)'
}

@test "a wait for a lock is told as a chain, to the client that does not read" {
    knows_threads
    mkdir -p "$dir/v7_queue"
    cp v6_errors/server.c "$dir/v7_queue/"
    graded v7_queue '^a reader that never reads does not stall'
    prints "alice's thread waits in send\(\) to bob, who does not read"
}

@test "a form of the answer that is wrong is one failure" {
    wrong v1_echo 's/Your msg = /You said: /'
    graded v1_echo
    [ "$(argued v1_echo)" -eq 1 ]
    prints '^v1_echo: the answer starts with'
    prints '      - every message is answered, one after another \(bytes\)'
}

@test "what breaks at one line of the program is one failure" {
    wrong v1_echo 's/^    memcpy(out + head, msg, n);.*/&\n    out[HEAD_SIZE + MSG_SIZE + n] = 0;/'
    graded v1_echo 'answer|message|waiting'
    [ "$(argued v1_echo)" -eq 1 ]
    prints 'how:   sanitizer'
}

@test "a stdout that is not flushed is named, and not only missed" {
    wrong v2_threads 's/ fflush(stdout);//'
    graded v2_threads 'the console tells how many'
    prints 'Is stdout flushed\? It is a pipe here'
}

@test "what came on stderr is named" {
    wrong v2_threads 's/printf("threads/fprintf(stderr, "threads/'
    graded v2_threads 'the console tells how many'
    prints 'expected: a line on its stdout'
    prints 'Its stderr has one'
    ! prints 'Is stdout flushed' >/dev/null || false
}

@test "bytes too many are counted, and not told as byte 0" {
    wrong v1_echo 's/^    return head + n;/    out[head + n] = 10; return head + n + 1;/'
    graded v1_echo 'every message is answered'
    prints 'behind 1 byte too many'
    prints 'hint:  Does each answer end where it should'
}

@test "an end that the test asked for is not called unasked" {
    wrong v6_errors 's/^    wait_for_threads();/    exit(3);/'
    graded v6_errors 'quit ends a server with nobody'
    prints 'exit3'
    ! prints 'Nobody asked it to end' >/dev/null || false
}

@test "a thread that never rests is told" {
    knows_threads
    wrong v2_threads 's/^    for (;;) {/    for (;;) { if (threads > 2) continue;/'
    graded v2_threads 'a second client is served'
    prints 'runs? without a pause'
}

# A client that is let go in the middle of a talk once kept the peer for ever.
@test "a crowd that is let go while it talks ends the test" {
    mkdir -p "$dir/v8_lines"
    sed 's/LINE_SIZE = 1 << 16/LINE_SIZE = 1 << 10/' v8_lines/server.c \
        >"$dir/v8_lines/server.c"
    graded v8_lines '^however a long talk is cut'
    [ "$(argued v8_lines)" -eq 1 ]
    prints '0 passed, 1 failed'
}

@test "a program that does not start is told once, in no row" {
    tools/start v1_echo "$dir" >/dev/null 3>&-
    graded v1_echo
    prints '^v1_echo does not start:'
    prints 'still to be written: listen_on'
    prints 'hint:  Start it by hand'
    prints '^v1_echo does not start: mend that first'
    [ "$(argued v1_echo)" -eq 0 ]
}

@test "a race says that the two sides hold different locks" {
    finds_races
    mutant v5_locks-has_a_lock_for_each_call '^many joining and talking'
    prints 'hint:  Each side holds a mutex, but not the same one'
}

@test "a newline that is missing is named" {
    mutant makefile_fdopen-reads_with_fscanf '^a line comes back'
    prints 'All of it is there but 1 byte \(\\n\), missing from byte 5 on'
    prints 'hint:  Where does the newline go'
    mutant v8_lines-drops_the_newline '^the answer carries'
    prints 'Only the newline at its end is missing'
}

@test "another's address in an answer is named" {
    mutant v4_broadcast-names_the_hearer '^everyone hears what'
    prints "The address is bob's, where alice's is expected"
    prints 'hint:  Whose address goes into the answer'
}

@test "a word that comes twice is told from a new one" {
    mutant v5_locks-closes_on_quit_and_does_not_unlink '^a client that says quit'
    prints 'This was heard before, and comes again'
    prints 'hint:  Why twice'
    mutant v5_locks-broadcasts_quit '^a client that says quit'
    prints 'hint:  Did you recognise this word as quit'
}

@test "a line that nobody has said is told, with whose it is" {
    mutant v8_lines-ends_a_line_that_never_began '^a client that leaves does'
    prints "bytes too many .*: a line of bob's"
    prints 'hint:  Has anybody said that line'
}

@test "a flood that repeats itself says which line comes again" {
    mutant v8_lines-leaves_the_rest_where_it_is '^a client that reads hears all'
    prints 'Line [0-9]* was heard before, and comes again'
    prints 'hint:  Why twice'
}

@test "the row that a mistake is about comes before those that need it" {
    mutant v8_lines-says_one_line_of_a_packet '^a client that crashes while b|^two l'
    [ "$(argued v8_lines)" -eq 1 ]
    prints '^v8_lines: two lines in one packet are two messages'
}

@test "one thread that waits in a call other than poll() is told" {
    knows_threads
    mutant v9_poll-accepts_on_a_blocking_listener '^the answer carries'
    prints 'hint:  The one thread waits in a call other than poll'
    mutant v9_poll-always_asks_for_POLLOUT '^the answer carries'
    prints 'hint:  Something in it does not rest.* Does poll'
}

@test "a log that names another address than the client's is shown" {
    mutant v2_threads-names_itself '^the answer carries'
    prints "It says \"127.0.0.1:[0-9]* joined\": that address is the server's own"
    prints 'hint:  Whose address goes into the log'
}

@test "a port whose two bytes are swapped is found" {
    mutant v1_echo-forgets_ntohs '^the answer starts'
    prints 'listens on [0-9]*, which is [0-9]* with its two bytes swapped'
}

@test "a descriptor that is closed twice is told in whatever row it shows" {
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "no strict.c here"
    mutant v2_threads-closes_as_after_fork '^the answer carries'
    prints 'hint:  close\(\) says that descriptor [0-9]* is closed twice'
}

@test "a client that nobody accepts is told from one that nobody reads" {
    knows_threads
    mutant v2_threads-joins_each_thread_at_once '^a second client is served'
    prints '\| bob waits to be accepted'
    prints 'hint:  One thread waits in pthread_join\(\)'
    mutant v3_event-checks_the_flag_once '^after quit the next'
    prints '\| no thread reads from bob, whose connection is open'
    prints 'hint:  On which way out does a thread leave'
}

@test "what a client writes again and again is shown, and how often" {
    mutant client-dials_without_a_pause '^the end of input with lines unsent'
    prints 'It wrote this line [0-9]* times and more, on stderr: '
    prints 'log:   the last lines that the client wrote'
    prints 'hint:  (Something in it does not rest|Which loop goes round)'
}

@test "a program that fails to start a second time gets the row's hint" {
    mutant v1_echo-no_SO_REUSEADDR '^it can be restarted'
    prints 'hint:  Whose connections are still in TIME-WAIT'
}

@test "an error in the log's last line is pointed at" {
    mutant v1_echo-dies_of_a_reset '^a client that crashes while idle'
    prints 'hint:  The last line of the log says why it ended'
    mutant client-knows_IPv4_only 'reaches an IPv6 server'
    prints 'hint:  The last line of the log says why it ended'
}

@test "a condition variable is not taken for a lock" {
    mutant client-forgets_to_flush '^the client shows what arrives'
    prints 'hint:  Is stdout flushed'
    ! prints 'Who locked the mutex' >/dev/null || false
}

@test "a race on a descriptor shows who uses it, and asks who closes it" {
    finds_races
    mutant v5_locks-closes_before_it_unlinks '^joining, talking and leaving'
    prints 'hint:  Does one thread close a descriptor that another can still find'
    prints '^      \|     #[0-9]+ send_all v5_locks/server.c:[0-9]+'
}

@test "a race within the C library names the call" {
    finds_races
    mutant v2_threads-takes_localtime_for_thread_safe '^joining, talking'
    prints 'hint:  The race is inside the C library, in .* \(called in server.c:'
}

@test "a port where nobody listens is told once, whatever row meets it" {
    wrong v1_echo '/|| listen(fd/d; s/addrlen) < 0$/addrlen) < 0)/
        s/die("accept".*/pause();/'
    graded v1_echo 'comes back|every|ready line|a host and a port'
    [ "$(argued v1_echo)" -eq 1 ]
    prints '^v1_echo: once the ready line shows, a connection succeeds'
    prints 'hint:  The log names port [0-9]*, and nobody listens there'
    wrong v1_echo '/|| listen(fd/d; s/addrlen) < 0$/addrlen) < 0)/'
    graded v1_echo 'answer starts'
    prints 'hint:  accept\(\) says "Invalid argument" of a socket on which listen'
    mutant v1_echo-forgets_ntohs '^the answer starts'
    prints 'hint:  In an address the port has the byte order of the network'
    ! prints 'How many bytes go back' >/dev/null || false
}

@test "a client that the log never says has joined is told once" {
    wrong v1_echo '/"joined"/d'
    graded v1_echo 'comes back|every|port 0|a host and a port'
    [ "$(argued v1_echo)" -eq 1 ]
    prints '^      no line "127.0.0.1:[0-9]* joined" on its stderr for [25] s$'
    prints 'hint:  Which line of yours writes "IP:PORT joined" to stderr'
    ! prints 'How many bytes go back' >/dev/null || false
}

@test "a name in the log, in place of the IP, is told" {
    wrong v1_echo '/"joined"/s/.*/    char *colon = strchr(c->name, 58), named[NAME_SIZE + 9];\
    snprintf(named, sizeof named, "localhost%s", colon);\
    log_event(named, "joined", "");/'
    graded v1_echo 'answer starts'
    prints '^      no line "127.0.0.1:[0-9]* joined" on its stderr'
    prints '^      There is a line with this port, but with "localhost" in place of the IP.$'
    prints 'hint:  Which line writes something else in place of the IP'
}

@test "a client that waits for accept() is told" {
    knows_threads
    wrong v1_echo 's/^    for (;;)$/    for (pause();;)/'
    graded v1_echo 'answer starts'
    prints 'hint:  A client has connected, and no thread is in accept\(\)'
}

@test "an answer that never comes is told once" {
    wrong v4_broadcast 's/^ *send_all(c->fd.*/;/'
    graded v4_broadcast 'the answer|console answers|console lists|^everyone hears what'
    [ "$(argued v4_broadcast)" -eq 1 ]
    prints '^v4_broadcast: the answer carries the time'
}

@test "a prompt that is not flushed is not said to go into a pipe" {
    wrong v2_threads 's/if (isatty(STDIN_FILENO))/if (0)/'
    graded v2_threads '^a prompt is shown'
    prints 'hint:  Is stdout flushed\? On a terminal, too'
    ! prints 'It is a pipe here' >/dev/null || false
}

@test "a ready line without its port, or on stdout, says so" {
    wrong v1_echo '/getsockname(fd/d; s/name_of(&addr, name);/strcpy(name, "localhost:0");/'
    graded v1_echo 'answer starts'
    prints 'tells no port: 0 is what was asked for, and getsockname\(\) tells'
    prints 'hint:  Which call tells the port that the socket really has'
    wrong v1_echo 's/log_event("main", "listening on ", name)/(printf("listening on %s\\n", name), fflush(stdout))/'
    graded v1_echo 'answer starts'
    prints '^      On its stdout there is one'
}

@test "what comes behind an answer is counted, and a long dump is cut" {
    knows_threads
    mutant v1_echo-adds_a_newline 'answer starts|every message'
    [ "$(argued v1_echo)" -eq 1 ]
    prints '^      expected: Your msg = hello$'
    prints '^      seen:     Your msg = hello.n$'
    prints '^      1 byte more than due came behind it'
    wrong v1_echo 's/^    return head + n;/    for (int i = 0; i < 900; i++)\
        out[head + n + i] = i;\
    return head + n + 900;/'
    graded v1_echo 'answer starts'
    prints 'hello.*\(and [0-9]* bytes more\)$'
    [ "$(printf '%s\n' "$output" | awk 'length > 900' | wc -l)" -eq 0 ]
}

# spoils N: a v8_lines that says "!" in place of byte N of a line, its head
# included.
spoils() {
    wrong v8_lines "s/ring.said++ % RING_SIZE. = .buf++;/{ static int at;\\
        at = *buf == 10 ? 0 : at + 1;\\
        ring[said++ % RING_SIZE] = at == $1 + 1 ? 33 : *buf;\\
        buf++; }/"
}

# shown NAME: what the report shows as expected, or as seen.
shown() {
    printf '%s\n' "$output" | sed -n "s/^      $1: *//p"
}

# Both sides show the bytes N before that byte and more than 90 after it.
shows_both_sides() {
    local expected seen
    expected=$(shown expected) seen=$(shown seen)
    printf '%s\n' "$seen" | grep -qE "[a-z]{$1}![a-z]{90}"
    printf '%s\n' "${expected% (and *}" |
        grep -qx "$(printf '%s\n' "${seen% (and *}" | sed 's/!/./; s/[()]/[&]/g')"
}

@test "a byte that is wrong far into a long line is shown on both sides" {
    spoils 41000
    graded v8_lines '^a line of 60000 bytes'
    [ "$(argued v8_lines)" -eq 1 ]
    shown expected | grep -qE '^\(40800 bytes, then\) \[[0-9]+ times\] x.n$'
    shown seen | grep -qE '^\(40800 bytes, then\) \[200 times\] x!\[[0-9]+ times\] x.n$'
    prints '^      They differ from byte 41000 on'
}

@test "a byte that is wrong in a flood is shown on both sides" {
    spoils 700
    graded v8_lines '^a client that reads hears all'
    [ "$(argued v8_lines)" -eq 1 ]
    shows_both_sides 60
    # The first byte of all is wrong: none is right.
    spoils 0
    graded v8_lines '^a client that reads hears all'
    prints 'hears 0 bytes of what alice said, and then other bytes'
    shown expected | grep -q '^00000000ijklmnop'
    shown seen | grep -q '^![0-9]'
}

@test "a byte that is wrong in a long talk is shown on both sides" {
    spoils 15000
    graded v8_lines '^however a long talk is cut'
    [ "$(argued v8_lines)" -eq 1 ]
    shows_both_sides 200
    prints '^      They differ from byte 15000 on'
}

@test "a recv() that is too short is asked about, when the head comes twice" {
    wrong v1_echo 's/recv(c->fd, msg, sizeof msg, 0)/recv(c->fd, msg, 512, 0)/'
    graded v1_echo '1024 bytes'
    prints 'hint:  Your head came twice: how many bytes do you let recv'
    wrong v2_threads 's/recv(c->fd, msg, sizeof msg, 0)/recv(c->fd, msg, 1023, 0)/'
    graded v2_threads '1024 bytes'
    prints 'hint:  Your head came twice: how many bytes do you let recv'
    # Bytes too many that are no head are asked about as before.
    mutant v1_echo-adds_a_newline 'answer starts'
    prints_not 'head came twice'
}

@test "a port with its two bytes swapped is named" {
    wrong v1_echo 's/^    freeaddrinfo(ai);/&/
        s/^    fd = socket(.*/{ unsigned short *p = \&((struct sockaddr_in *)ai->ai_addr)->sin_port; *p = (unsigned short)(*p << 8 | *p >> 8); } &/'
    graded v1_echo 'without arguments|port in use'
    prints '3879 is 9999 with its two bytes swapped: htons\(\), ntohs\(\)'
    prints '^      [0-9]* is [0-9]* with its two bytes swapped: htons\(\)'
}

@test "to ignore the flag is one failure" {
    wrong v3_event '/^static void .*serve(/,/^}/ s/stopping/0/'
    graded v3_event '^after quit a client|^every client that is connected|^quit is free'
    [ "$(argued v3_event)" -eq 1 ]
    prints '^v3_event: after quit a client is let go'
}

@test "a leak is counted, and what getaddrinfo() keeps is not shown before it" {
    [ "$(cat build/kit/leak.probe)" = yes ] || skip "LeakSanitizer does not run here"
    wrong v6_errors 's/^    freeaddrinfo(ai);//; s/^    free(c);//'
    graded v6_errors 'leaves no memory behind'
    prints '\| Direct leak of [0-9]* byte\(s\) in 2[01] object\(s\)'
    ! prints 'in listen_on ' >/dev/null || false
}

@test "a variable that is too short is named, and whose it is" {
    wrong v1_echo 's/^    return head + n;/    char gone[8]; memset(gone, 89, head); out[0] = gone[0]; &/'
    graded v1_echo 'answer starts'
    prints '\| Address .* is located in stack of'
    prints "'gone' .*<== Memory access"
}

@test "the calls in which a race on a descriptor meets are named" {
    finds_races
    mutant v5_locks-closes_before_it_unlinks '^joining, talking and leaving'
    prints '^      \|     #0 (send|close|accept|recv)$'
}

@test "pauses that do not grow are shown" {
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "no strict.c here"
    mutant client-pauses_for_as_long_each_time 'tries a server that stays away'
    prints '^      client calls connect\(\) for the 3rd time$'
    prints '^      seen:     pauses: [0-9]+ [0-9 ]+ ms$'
}

@test "a descriptor closed twice is told in the words of the program" {
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "no strict.c here"
    wrong v1_echo 's/^    close(c->fd);/&&/'
    graded v1_echo 'closed twice'
    prints '^      seen:     close\(\): descriptor [0-9]* is closed twice$'
    prints 'who may have been given that number in between'
}

@test "a descriptor is closed twice, though the first close has not come back" {
    [ "$(cat build/kit/strict.probe)" = yes ] || skip "no strict.c here"
    local wraps
    # Here the second thread is the first one, in the middle of its close().
    cat >"$BATS_TEST_TMPDIR/twice.c" <<'EOF'
#include <unistd.h>
int __wrap_close(int fd);
int __real_close(int fd);
int __real_close(int fd)
{
    static int calls;
    int r = close(fd);

    if (calls++ == 0)
        __wrap_close(fd);
    return r;
}
int main(void)
{
    return __wrap_close(dup(0)) + (__wrap_close(99) == 0);
}
EOF
    wraps=$(sed 's/--wrap=close,//' tests/sandbox/strict.flags)
    cc -pthread "$wraps" -o "$BATS_TEST_TMPDIR/twice" \
        "$BATS_TEST_TMPDIR/twice.c" build/kit/strict.o
    run "$BATS_TEST_TMPDIR/twice" </dev/null
    [ "$status" -eq 0 ]
    [[ $output =~ ^strict:\ close\(\):\ descriptor\ [0-9]+\ is\ closed\ twice$ ]]
}

@test "a log with another clock says so" {
    wrong v2_threads 's/"\[%s\] %s "/"[%s] %s  "/'
    graded v2_threads '^the answer carries'
    prints 'that the server wrote; the test has set TZ=XYZ-5:45'
}

# A container of its own may have ::1 before 127.0.0.1 in its /etc/hosts.
@test "a server that listens for IPv6 only is told so" {
    [ "$(uname)" != Linux ] || [ -s /proc/net/if_inet6 ] || skip "no IPv6 here"
    wrong v1_echo '/^static int listen_on/,/^}/ {
        s/AF_INET,/AF_INET6,/; s/getaddrinfo(host/getaddrinfo("::1"/
        s/sockaddr_in addr/sockaddr_in6 addr/
        s/name_of(.*/snprintf(name, sizeof name, "::1:%d", ntohs(addr.sin6_port));/
    }'
    graded v1_echo 'answer starts'
    prints 'It listens on an IPv6 address, and [a-z]* speaks IPv4'
    prints 'hint:  Which family do you ask getaddrinfo'
}

@test "one that sleeps for good is not waited for to the deadline" {
    knows_threads
    export KIT_DEADLINE=300
    wrong v1_echo 's/= send(fd, buf, n, 0);/= n;/'
    graded v1_echo '^the answer starts'
    prints 'and then nothing for ([89]|[1-9][0-9]) s\.$'
    prints 'waits in recv\(\)'
}

@test "a console that naps before it answers is waited for" {
    knows_threads
    wrong v2_threads '/^    *printf("threads/i\
        nanosleep(\&(struct timespec){0, 300000000}, NULL);'
    graded v2_threads '^the console tells'
    prints '^1 passed, 0 failed'
}

@test "one whose sleep ends by itself is waited for" {
    export KIT_DEADLINE=30
    wrong v1_echo 's/= send(fd, buf, n, 0);/= sleep(11) + send(fd, buf, n, 0);/'
    graded v1_echo '^the answer starts'
    prints '^1 passed, 0 failed'
}
