# questions.bash: the question that a report asks: what was seen decides it, and
# then the row. tests/language.bash writes it into a record.
#
# shellcheck disable=SC2154 # The variables are those of language.bash.

# The first question to ask: about what was seen, where that says more than the
# row does; then the row's own, with its place in the notes. What never starts,
# and where nobody listens or is said to have joined, is no row's.
hint() {
    local seen
    seen=$(question "$1")
    [ -z "$seen" ] || echo "$seen"
    [ -z "$seen" ] || has_own_question "$1" || return 0
    [ -z "$seen" ] || printf '           '
    awk -F '\t' -v title="$BATS_TEST_DESCRIPTION" -v stage="$KIT_STAGE" '
        BEGIN { if (stage == "chat") stage = "socketserver" }
        $1 == title { print $2 " (notes/" ($3 == "" ? stage : $3) ".md)" }
    ' "$KIT_ROOT/tests/hints.tsv"
}

# Does the row ask something else than what is asked about this kind of failure?
has_own_question() {
    case $1:$PLACE:$BATS_TEST_DESCRIPTION in
        refused:*:'once the ready line shows'*) ;;
        start:* | *:'no joined line':* | *:'a refused connection':*) return 1 ;;
    esac
}

# Was the program told to end? Its console, its terminal or a signal may do it.
was_asked_to_end() {
    case "${STORY[*]}" in
        *'console says quit'* | *'console types'* | *'client says quit'* | \
            *' gets '* | *'input ends'*) ;;
        *) return 1 ;;
    esac
}

# question CLASS: what to ask first about a failure of this kind, if anything.
question() {
    local twice='s/^strict: \(f*close()\): \(descriptor [0-9]* is closed twice\)$/\1 says that \2/p'
    twice=$(LC_ALL=C sed -n "$twice" "$CASE/log" 2>/dev/null | head -n 1)
    if [ -n "$twice" ]; then
        echo "$twice: which two lines close it, and who may have been given" \
            "that number in between?"
        return
    fi
    if ! was_asked_to_end && LC_ALL=C grep -qs 'stopping' "$CASE/log"; then
        echo "The log says \"stopping\", and nobody typed quit at the console:" \
            "who stopped it?"
        return
    fi
    case $1 in
        start)
            if [ -z "$KIT_RECORDS" ] ||
                [ -e "$KIT_RECORDS/$KIT_STAGE.never_starts" ]; then
                question_of_a_start
            fi ;;
        sanitizer) question_of_memory ;;
        race) question_of_a_race ;;
        exit*) question_of_an_end "${1#exit}" ;;
        timeout) question_of_a_wait ;;
        bytes) question_of_bytes ;;
        closed) question_of_a_closed_connection ;;
        refused) question_of_a_port ;;
        sigpipe)
            case $KIT_STAGE in
                v[6-9]* | client)
                    echo "What keeps SIGPIPE away: is it done before there are" \
                        "threads, for all of them, and for good?" ;;
            esac ;;
        flood | spins)
            echo "Which loop goes round without a pause, and which call in it" \
                "returns at once?" ;;
    esac
}

question_of_a_port() {
    local port
    port=$(sed -n 's/.* could not connect to port \([0-9]*\).*/\1/p' "$CASE/report")
    [ -n "$port" ] || return 0
    if grep -q 'two bytes swapped' "$CASE/report"; then
        question_of_htons
    elif grep -q 'an IPv6 address' "$CASE/report"; then
        echo "Which family do you ask getaddrinfo() and socket() for: what may" \
            "AF_UNSPEC make of localhost, and AF_INET?"
    else
        echo "The log names port $port, and nobody listens there. Is listen()" \
            "called before that line is written, and is it the real port" \
            "(getsockname(), ntohs())?"
    fi
}

question_of_htons() {
    echo "In an address the port has the byte order of the network: which line" \
        "turns it round (htons()), and which turns it back (ntohs())?"
}

question_of_a_start() {
    local seen
    seen=$(cat "$CASE/report" "$CASE/doing" 2>/dev/null)
    case $seen in
        *'On its stdout'*)
            echo "Which stream does fprintf() or printf() write to there? The log is" \
                "stderr." ;;
        *'tells no port: 0 '*)
            echo "Which call tells the port that the socket really has, once bind()" \
                "has picked one?" ;;
        *'no line with'*' accept()'*)
            echo "It waits in accept(), so it listens: which line of yours writes" \
                "\"listening on IP:PORT\", and does it go to stderr, with a newline?" ;;
        *)
            echo "Start it by hand, on port 0: does stderr say \"listening on" \
                "IP:PORT\", at once?" ;;
    esac
}

question_of_memory() {
    if sanitizer_says | grep -q 'heap-use-after-free'; then
        echo "Which line freed it (\"freed by\" above), who could still reach it" \
            "then, and which lock do both hold?"
    else
        echo "The first line of yours above is where it broke: what did the" \
            "program take for granted there?"
    fi
}

# It ended, by itself, and its last words may say why.
question_of_an_end() {
    local last
    last=$(LC_ALL=C grep -v '^strict: ' "$CASE/log" 2>/dev/null | tail -n 1)
    case $1:$last in
        0:* | *: | *' joined' | *' left' | *'listening on '* | \
            *'connected to '* | *': connected' | *stopping*)
            if ! was_asked_to_end; then
                echo "Nobody asked it to end: which line ended it, a return" \
                    "from main, or an exit()?"
            elif [ "$1" != 0 ]; then
                echo "Which return or exit() gives it status $1, and is that" \
                    "way out an error here?"
            fi ;;
        *accept*': Invalid argument')
            echo "accept() says \"Invalid argument\" of a socket on which listen()" \
                "was never called: who calls it, and when?" ;;
        *) echo "The last line of the log says why it ended: must the whole" \
            "program end for that?" ;;
    esac
}

question_of_bytes() {
    local seen=''
    [ ! -s "$CASE/report" ] || seen=$(<"$CASE/report")
    case $seen in
        *'two bytes swapped'*) question_of_htons ;;
        *' bytes too many (Your msg = ).'* | \
            *' bytes too many (['????-??-??' '??:??:??'] '*' ).'*)
            question_of_two_heads ;;
        *': a line of '*)
            echo "Has anybody said that line? What made it a line: a newline, the" \
                "end of a conversation, or bytes that an earlier one left?" ;;
        *'is there, with '*)
            echo "Where do these bytes come from: is something of an earlier message," \
                "or of another client, still in the buffer?" ;;
        *' too many'* | *' more than due'*)
            echo "Does each answer end where it should? Count the bytes that you" \
                "send." ;;
        *'The address is '*)
            echo "Whose address goes into the answer, and from which variable: is" \
                "it the address of the client that spoke?" ;;
        *'This is a line of '*)
            echo "How does it get to this client: who is on the list, and whose" \
                "descriptor had that number before?" ;;
        *' was heard before, and comes again'*)
            echo "Why twice: is something sent out of a buffer again, or is a client," \
                "or the number of its descriptor, on the list twice?" ;;
        *'then the end of the stream'*' quit'*)
            echo "Did you recognise this word as quit, and did you do so before" \
                "you sent it to anyone?" ;;
        *'(\n), missing'* | *'Only the newline'*)
            echo "Where does the newline go: who reads up to it, and who puts it" \
                "back?" ;;
        *', missing from byte'*)
            echo "Which line leaves these bytes out, and what does it take them for?" ;;
    esac
}

# Up to v7 one recv() is one message; from v8 on a line is.
question_of_two_heads() {
    case $KIT_STAGE in
        v[1-7]_* | chat)
            echo "Your head came twice: how many bytes do you let recv() bring?" ;;
        *) echo "Your head came twice: what makes a message of what arrived, a" \
            "recv() or a newline?" ;;
    esac
}

question_of_a_closed_connection() {
    local since="${STORY[*]}"
    since=${since##* joins}
    if [ "$KIT_STAGE" = makefile_fdopen ]; then
        echo "Which call failed, a read or a write? A stream goes one way: a" \
            "socket needs one for reading and another for writing."
    elif [[ $since == *' says quit'* || $since == *' half closes'* ]]; then
        echo "Which line closed it, and had everything due been sent by then?"
    else
        echo "Nobody asked to end this connection: which line closed it, and why?"
    fi
}

# A race may be about a descriptor's number, within the C library, or about what
# a lock should guard.
question_of_a_race() {
    local inside
    if sanitizer_says | grep -q 'Location is file descriptor'; then
        echo "Does one thread close a descriptor that another can still find and" \
            "use? Which comes first, off the list or close(), and under which lock?"
        return
    fi
    inside=$(sanitizer_says | LC_ALL=C awk '
        / of size / { n++ }
        n == 1 && /\(libc|\(libSystem/ { into = $2 }
        n == 1 && into != "" && !/\(libc|\(libSystem/ && /#/ {
            place = $3; sub(/.*\//, "", place)
            print into " (called in " place ")"
            exit
        }')
    if [ -n "$inside" ]; then
        echo "The race is inside the C library, in $inside: may two threads call" \
            "that at once, or is there a sibling whose name ends in _r?"
    else
        question_of_locks
    fi
}

# ThreadSanitizer names the mutexes that each side of a race holds.
question_of_locks() {
    LC_ALL=C awk '
        /WARNING: ThreadSanitizer/ && ++reports > 1 { exit }
        /(Read|Write|read|write) of size .* by / {
            held[++sides] = /mutexes:/ ? $0 : ""
            sub(/.*mutexes: /, "", held[sides])
            gsub(/write |read |\).*/, "", held[sides])
        }
        END {
            if (sides < 2) exit
            if (held[1] held[2] == "")
                print "Neither side holds a mutex: what keeps the two apart?"
            else if (held[1] == "" || held[2] == "")
                print "One side holds a mutex, and the other holds none: " \
                    "how does that side get round the lock?"
            else if (held[1] != held[2])
                print "Each side holds a mutex, but not the same one: which " \
                    "of them guards this variable?"
        }' "$CASE/log"
}

# A wait was in vain: what the threads did says why, where it can be seen.
question_of_a_wait() {
    local seen=''
    [ ! -s "$CASE/report" ] || seen=$(<"$CASE/report")
    [ ! -s "$CASE/doing" ] || seen="$seen $(<"$CASE/doing")"
    case ${STORY[${#STORY[@]} - 1]} in
        *'with pauses'*)
            echo "It hangs only if a thread pauses at the wrong moment. What if a" \
                "wake-up comes between a test and its wait, or a client joins" \
                "after quit has gone through the list?"
            return ;;
    esac
    case $KIT_STAGE:$seen in
        *'two bytes swapped'*) question_of_htons ;;
        v9_poll:*'main waits in accept()'* | v9_poll:*'main waits in re'* | \
            v9_poll:*'main waits in send()'* | v9_poll:*'main waits in write()'*)
            echo "The one thread waits in a call other than poll(): who is served" \
                "meanwhile?" ;;
        *'joined": that address is '*)
            echo "Whose address goes into the log: the one that accept() gives you" \
                "(or getpeername()), with ntohs() and inet_ntop()?" ;;
        *'joined"'*' in place of the IP.'*)
            echo "Which line writes something else in place of the IP, where" \
                "inet_ntop() would write its four numbers?" ;;
        *'do not come to rest'* | *'runs without a pause'* | \
            *'It wrote this line '*)
            echo "Something in it does not rest, though there is nothing to do: which" \
                "call in which loop returns at once, again and again?$(of_poll)" ;;
        *'for a mutex'*)
            echo "Who locked the mutex, and is it unlocked on every way out: a" \
                "return, a break, a continue?" ;;
        *'joined"'*'waits to be accepted'*)
            echo "A client has connected, and no thread is in accept(): which one" \
                "should call it, and what does it do instead?" ;;
        *'joined" on its stderr'* | *'joined" in its log'*)
            echo "Which line of yours writes \"IP:PORT joined\" to stderr, and is it" \
                "written as soon as accept() returns?" ;;
        *'who does not read'*)
            echo "One thread waits in send() for a reader: who waits for that" \
                "thread, and what does it hold?" ;;
        *'still running'*'main waits for a condition variable'*)
            echo "Main waits until something is true: which count or flag is that," \
                "who changes it last, and who wakes main then?" ;;
        *'waits in pthread_join()'*'seen:     (nothing)'* | \
            *'seen:     (nothing)'*'waits in pthread_join()'*)
            echo "One thread waits in pthread_join() until another has ended: what" \
                "else should it do meanwhile?" ;;
        *'Only the newline'*) question_of_bytes ;;
        *'though the log says "left"'*)
            echo "Which line closes the descriptor of a client that has left?" ;;
        *'should have been let go'*'no thread reads from'*)
            echo "On which way out does a thread leave its client's connection" \
                "open?" ;;
        *'should have been let go'*'waits to be accepted'*)
            echo "The listening socket is still open, and nobody calls accept():" \
                "which line closes it?" ;;
        *'never said "'*' left"'*)
            echo "On which ways out of a conversation do you log \"left\", and which" \
                "way out did this one take?" ;;
        *'seen:     (nothing)'*) nothing_came ;;
    esac
}

of_poll() {
    case $KIT_STAGE in
        v[789]*) echo " Does poll() wait there for something that is always true?" ;;
    esac
}

nothing_came() {
    case ${STORY[${#STORY[@]} - 1]} in
        'console '* | *' shows '*)
            ! grep -q 'Its stderr has' "$CASE/report" || return 0
            if [[ ${STORY[*]} == *' on a terminal'* ]]; then
                echo "Is stdout flushed? On a terminal, too, printf() keeps a line" \
                    "that has no newline until fflush(stdout)."
                return
            fi
            echo "Is stdout flushed? It is a pipe here, not a terminal: what" \
                "printf() writes stays in memory until fflush(stdout)."
            return ;;
    esac
    case $KIT_STAGE:${STORY[${#STORY[@]} - 1]} in
        *' hears \n' | *' hears \r\n')
            echo "This line is empty: is it a message, too?" ;;
        makefile_fdopen:*)
            echo "Nothing came: has it left the program? A stream keeps what is" \
                "written to it until fflush()." ;;
        v[1-3]*) echo "Nothing came: which line sends the answer, and is it" \
            "reached?" ;;
        client:*) ;;
        v[78]*) echo "Nothing came: is it on its way to everyone, the sender too," \
            "and what wakes the thread that sends?" ;;
        v9*) echo "Nothing came: is it on its way to everyone, the sender too, and" \
            "what makes poll() return to send it?" ;;
        *) echo "Nothing came: does a message go to everyone on the list, the" \
            "sender too?" ;;
    esac
}
