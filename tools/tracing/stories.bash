# stories.bash: what make trace plays, in the language of the tests.
#
# play SENTENCE    what is to hold
# flaw CLASS SENTENCE     what must fail, and just so: the flaw of the rung
# quietly SENTENCE        what the picture need not tell
#
# Each line of the table: the story, the rungs that it is played on, and its
# title. The story "demo" is what make demo tells of a rung.
#
# shellcheck disable=SC2034 # tools/trace uses it.
STORIES='
waits|v1_echo makefile_fdopen|the second client waits
quit|v2_threads v3_event v4_broadcast v5_locks v6_errors v7_queue v8_lines v9_poll|the console says quit
leave|v4_broadcast v5_locks|one leaves
crash|v5_locks v6_errors|one crashes
stall|v5_locks v6_errors v7_queue v8_lines v9_poll|one does not read
fifty|v6_errors v7_queue v8_lines v9_poll|fifty talk
storm|v6_errors|twenty join, talk, leave and crash
chat|v4_broadcast v5_locks v6_errors v7_queue v8_lines v9_poll|three people talk
demo|v1_echo v2_threads v3_event v4_broadcast v5_locks v6_errors v7_queue v8_lines v9_poll makefile_fdopen|the story of make demo
'

story_waits() {
    local end=''
    [ "$KIT_STAGE" != makefile_fdopen ] || end='\n'
    play the server starts
    play alice joins
    play alice says "hello$end"
    play alice hears "hello$end"
    play bob knocks
    play bob says "me too$end"
    flaw timeout bob hears "me too$end"
    play alice leaves
    play bob hears "me too$end"
}

story_quit() {
    play the server starts
    play alice joins
    play alice says hi
    play alice hears hi
    quietly the server rests
    play console says quit
    case $KIT_STAGE in
        v2_threads)
            flaw timeout the server ends with 0
            play alice says 'am I alone?'
            play alice hears 'am I alone?' ;;
        v3_event)
            flaw timeout the server ends with 0
            play alice says bye
            play alice hears bye
            play bob is not served
            play the server ends with 0 ;;
        v4_broadcast | v5_locks)
            flaw timeout the server ends with 0
            play bob is not served
            play the server ends with 0 ;;
        *)
            play alice is let go
            play the server ends with 0 ;;
    esac
}

alice_greets_bob() {
    play the server starts
    play alice joins
    play bob joins
    play alice says hi
    play alice hears hi
    play bob hears hi from alice
}

story_leave() {
    alice_greets_bob
    play bob leaves
    play alice says one
    play alice hears one
    play alice says two
    case $KIT_STAGE in
        v4_broadcast) flaw sigpipe alice hears two ;;
        *)
            play alice hears two
            play alice leaves ;;
    esac
}

story_crash() {
    alice_greets_bob
    play bob crashes
    play alice says 'is bob well?'
    case $KIT_STAGE in
        v5_locks) flaw sigpipe alice hears 'is bob well?' ;;
        *)
            play alice hears 'is bob well?'
            play alice leaves ;;
    esac
}

story_stall() {
    play the server starts
    play alice joins
    play bob joins
    play carol joins with a buffer of 4096
    play carol stops reading
    case $KIT_STAGE in
        v5_locks | v6_errors)
            play bob floods 8 megabytes
            play alice says 'is anybody there?'
            flaw timeout alice hears at last 'is anybody there?'
            play carol reads on
            quietly carol skims ;;
        *)
            play bob floods 4 megabytes
            play alice says 'is anybody there?' ;;
    esac
    play alice hears at last 'is anybody there?'
}

story_fifty() {
    play the server starts
    play crowd of 50 joins
    play alice joins
    play storm of 300 rounds with 50 people, calm
    play alice says 'good night, all'
    play alice hears at last 'good night, all'
    play console says quit
    play the server ends with 0
}

story_storm() {
    play the server starts
    play alice joins
    play storm of 400 rounds with 20 people, wild
    play alice says 'what was that?'
    play alice hears at last 'what was that?'
    play console says quit
    play the server ends with 0
}

story_chat() {
    play the server starts
    play alice joins
    play bob joins
    play carol joins
    play alice says 'hi all'
    play alice hears 'hi all'
    play bob hears 'hi all' from alice
    play carol hears 'hi all' from alice
    play carol says 'hi alice'
    play alice hears 'hi alice' from carol
    play bob hears 'hi alice' from carol
    play carol hears 'hi alice'
    play bob says 'good morning'
    play bob hears 'good morning'
    play carol hears 'good morning' from bob
}
