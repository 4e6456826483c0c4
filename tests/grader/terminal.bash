# terminal.bash: for tests that look at a screen. To be loaded after outside.bash.
#
# shellcheck shell=bash disable=SC2154 # The test sets work, its own folder.

# terminal COLUMNS LINES COMMAND...: a terminal of that size, in which the command
# runs. What it makes for itself is in $work/tmp. Its exit status is shown behind
# "over:". A tmux of our own, which the caller is to end with close_terminal.
terminal() {
    local size="-x $1 -y $2"
    shift 2
    command -v tmux >/dev/null || skip "tmux is not installed"
    mkdir -p "$work/tmp"
    # shellcheck disable=SC2086 # Each word is one.
    TMPDIR=$work/tmp tmux -S "$work/outer" -f /dev/null \
        new-session -d $size "$* 2>&1; code=\$?; echo; echo over: \$code; cat" 3>&-
}

outer() {
    tmux -S "$work/outer" "$@"
}

close_terminal() {
    outer kill-server 2>/dev/null || true
}

# on_screen REGEX: stands in a line of it now.
on_screen() {
    outer capture-pane -p | grep -qE -e "$1"
}

# not_shown REGEX: gives up, and says what is there instead.
not_shown() {
    echo "not on the screen: $1"
    outer capture-pane -p
    return 1
}

# shows REGEX...: each stands in a line of the screen, sooner or later. The limit
# only ends a hang.
shows() {
    local one end=$((SECONDS + 120))
    for one in "$@"; do
        until on_screen "$one"; do
            [ "$SECONDS" -lt "$end" ] || not_shown "$one" || return 1
            sleep 0.1
        done
    done
}

# hides REGEX: stands in no line of it, sooner or later.
hides() {
    local end=$((SECONDS + 120))
    while on_screen "$1"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "still on the screen: $1"
            outer capture-pane -p
            return 1
        fi
        sleep 0.1
    done
}

# types_until REGEX KEY...: these keys, again and again, until it is shown.
types_until() {
    local one=$1 end=$((SECONDS + 120))
    shift
    until on_screen "$one"; do
        [ "$SECONDS" -lt "$end" ] || not_shown "$one" || return 1
        outer send-keys "$@"
        sleep 0.1
    done
}
