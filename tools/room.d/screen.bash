# screen.bash: one room in tmux: the server, its threads, and three people. To
# be sourced by tools/room, which has set stage, with, broker, at and work, and
# ends what is started here.
#
# shellcheck shell=bash disable=SC2154

in_tmux() {
    tmux -S "$work/tmux" -f "$work/conf" "$@"
}

# program_of RUNG: the server's; nothing for what is none.
program_of() {
    case $1 in
        client) ;;
        socketserver) echo socketserver/echo ;;
        chat) echo socketserver/chat ;;
        *) echo "$1/server" ;;
    esac
}

# has TOOL: a program, and not only a file of that name.
has() {
    local program
    program=$(command -v "$1") && [ -x "$program" ]
}

# Exits if something is missing that the screen needs.
may_show() {
    local tool
    for tool in tmux $([ "$with" != nc ] || echo nc); do
        has "$tool" || {
            echo "room: no $tool here: $(tools/doctor --install "$tool")" >&2
            exit 1
        }
    done
    case $(tmux -V) in
        'tmux '[12].*)
            echo "room: $(tmux -V) is too old: it takes 3.0" >&2
            exit 1 ;;
    esac
    if [ ! -t 0 ] || [ ! -t 1 ]; then
        echo "room: it takes a terminal" >&2
        exit 1
    fi
    make -s -f tests/sandbox/programs.mk build/kit/strip || exit 1
    [ "$with" = nc ] || make -s client || exit 1
}

# For the strip: a postman polls, and does not accept; and where there is no
# console there is no prompt.
strip_options() {
    case $stage in
        v7_queue | v8_lines) printf '%s\n' -o postman -p ;;
        v1_echo | makefile_fdopen) ;;
        *) echo -p ;;
    esac
    [ -z "$at" ] || printf '%s\n' -b "${at##*:}"
}

# Nobody stays behind when the terminal is closed: the session ends with its last
# terminal, and not before it has had one. Keys that come fast are keys, too, and
# not a paste.
write_conf() {
    cat <<'END'
set -g prefix C-b
set -g mouse on
set -g escape-time 20
set -g assume-paste-time 0
set -g focus-events off
set -g set-titles off
set -g remain-on-exit off
set -g pane-border-status top
set -g pane-border-format '#[fg=#{@color}]#[bold]#{?pane_active,#[reverse],} #{E:@words}#{@state} '
set -g pane-border-style fg=colour244
set -g pane-active-border-style fg=colour244
set -g status-style bg=default,fg=default
set -g status-right ''
set -g window-status-format ''
set -g window-status-current-format ''
set -g status-left-length 200
set -g status-left '#[bold]Tab#[nobold] next  #[bold]^S#[nobold] stops reading  #[bold]^F#[nobold] floods  #[bold]^X#[nobold] kills  #[bold]Enter#[nobold] restarts  #[bold]^Q#[nobold] ends all'
set-hook -g client-attached 'set -g destroy-unattached on'
bind -n C-q kill-server
bind -n C-s run-shell 'tools/room.d/pane key C-s "#{pane_id}"'
bind -n C-f run-shell 'tools/room.d/pane key C-f "#{pane_id}"'
bind -n C-x run-shell 'tools/room.d/pane key C-x "#{pane_id}"'
bind -n Tab select-pane -t :.+ \; if-shell -F '#{pane_input_off}' 'select-pane -t :.+'
END
    [ -z "$at" ] || cat <<'END'
set -g status-left '#[bold]Tab#[nobold] next  #[bold]^S#[nobold] stops reading  #[bold]^F#[nobold] floods  #[bold]^X#[nobold] kills  #[bold]^P#[nobold] #{?@broker,wakes broker,stops broker}  #[bold]^Q#[nobold] ends all'
bind -n C-p run-shell 'tools/room.d/pane key C-p "#{pane_id}"'
END
}

# What somebody says without an end: more than the buffers on the way hold.
write_flood() {
    awk 'BEGIN {
        for (i = 0; i < 110; i++) rest = rest " and on"
        for (i = 1; i <= 8000; i++) printf "line %d: I talk%s\n", i, rest
    }'
}

# put NAME COLOR WORDS TMUX-COMMAND... -- COMMAND...: runs a command in a new
# pane, and leaves that pane's number in "pane". NAME is a person's, or nothing.
put() {
    local name=$1 color=$2 words=$3 where=()
    shift 3
    while [ "$1" != -- ]; do
        where[${#where[@]}]=$1
        shift
    done
    shift
    pane=$(in_tmux ${where[@]+"${where[@]}"} -P -F '#{pane_id}' "$@") || return
    in_tmux set-option -p -t "$pane" @name "$name" ';' \
        set-option -p -t "$pane" @color "$color" ';' \
        set-option -p -t "$pane" @words "$words" ';' \
        set-option -p -t "$pane" @state ''
}

# put_server PLACE TMUX-COMMAND...
put_server() {
    local place=$1 words=$stage program
    shift
    program=$(program_of "$stage")
    [ "$place" = server ] || words="$stage, $place"
    [ -n "$strips" ] || words="$words (no /proc here, so no strip)"
    put '' default "$words#{@broker}" "$@" -- \
        tools/room.d/pane server "$place" "$program" ${at:+-b "$at"}
}

# put_strip PLACE TMUX-COMMAND...: beside or below the server's pane.
put_strip() {
    local place=$1
    shift
    [ -n "$strips" ] || return 0
    put '' default 'its threads' "$@" -- tools/room.d/pane strip
    in_tmux select-pane -d -t "$pane"
    in_tmux display-message -p -t "$pane" '#{pane_tty}' >"$work/strip.$place"
}

# put_person NAME COLOR PLACE TMUX-COMMAND...
put_person() {
    local name=$1 color=$2 place=$3 words=$1
    shift 3
    [ "$place" = server ] || words="$name, at $place"
    put "$name" "$color" "$words" "$@" -- \
        tools/room.d/pane person "$name" "$place" "$with" ${after:+"$after"}
    [ -z "$strips" ] || after=$name
}

# On a wide terminal the people stand on the right, on a narrow one below. All
# heights are those of the panes without the line above each.
lay_out() {
    local height=$((lines - 1)) people strip half first second alone=server
    local split_strip=(split-window -d -h -l 36) split_people
    [ -z "$at" ] || alone=east
    put_server "$alone" new-session -d -x "$columns" -y "$lines" || return
    first=$pane second=''
    if [ "$columns" -ge 100 ]; then
        people=$(((height - 3) / 3))
        strip=$((height * (${#at} ? 24 : 30) / 100))
        split_people=(-h -l $((columns - 50)))
        half=$((height / 2))
        split_strip=(split-window -d -v -l "$strip")
    else
        people=$(((height - 3) / (${#at} ? 6 : 5)))
        split_people=(-v -l $((3 * people + 2)))
        half=$(((height - 3 * people - 3) / 2))
    fi
    put_person alice cyan "$alone" split-window -d "${split_people[@]}" -t "$first"
    alice=$pane
    put_person bob yellow "$alone" split-window -d -v -l $((2 * people + 1)) -t "$pane"
    [ -z "$at" ] || alone=west
    put_person carol magenta "$alone" split-window -d -v -l "$people" -t "$pane"
    if [ -n "$at" ]; then
        put_server west split-window -d -v -l "$half" -t "$first"
        second=$pane
        put_strip west "${split_strip[@]}" -t "$second"
        put_strip east "${split_strip[@]}" -t "$first"
    else
        put_strip server "${split_strip[@]}" -t "$first"
    fi
}

# show_room: until the last terminal is gone from it.
show_room() {
    local size alice='' pane='' after='' strips='' lines columns
    size=$(stty size)
    lines=${size% *} columns=${size#* }
    if [ "$lines" -lt 24 ] || [ "$columns" -lt 80 ]; then
        echo "room: it takes 80 columns and 24 lines, and here are $columns and" \
            "$lines" >&2
        return 1
    fi
    [ ! -r /proc/self/syscall ] || strips=yes
    mkdir "$work/people"
    strip_options >"$work/options"
    write_conf >"$work/conf"
    write_flood >"$work/flood"
    unset TMUX
    export ROOM=$work
    [ -z "$started" ] || echo "$started" >"$work/broker.process"
    lay_out || return
    echo yes >"$work/ready"
    in_tmux select-pane -t "$alice"
    # A signal is heeded while we wait. If the session is there still, nobody
    # could look at it; else somebody has ended it, and that is no failure.
    exec 4<&0
    tmux -S "$work/tmux" attach-session <&4 >/dev/null &
    wait "$!" || ! in_tmux has-session 2>/dev/null
}

# descendants PROCESS...: these, and whatever they have started.
descendants() {
    ps -A -o pid= -o ppid= | awk -v these="$*" '
        { pid[NR] = $1; parent[NR] = $2 }
        END {
            n = split(these, one, " ")
            for (i = 1; i <= n; i++) if (one[i] != "") found[one[i]]
            do {
                more = 0
                for (i = 1; i <= NR; i++)
                    if (parent[i] in found && !(pid[i] in found)) {
                        found[pid[i]]
                        more = 1
                    }
            } while (more)
            for (p in found) print p
        }'
}

# Does it run? What has ended, and is not yet waited for, does not.
lives() {
    case $(ps -o stat= -p "$1") in
        '' | Z*) return 1 ;;
    esac
}

# The panes go, and whatever runs in them; a client may have been stopped.
end_screen() {
    local panes all one i=0
    panes=$(in_tmux list-panes -a -F '#{pane_pid}' 2>/dev/null)
    # shellcheck disable=SC2046,SC2086 # Each word is a process.
    all=$(descendants $panes $(cat "$work"/people/* 2>/dev/null))
    in_tmux kill-server 2>/dev/null
    for one in $all; do
        kill -CONT "$one"
        kill -HUP "$one"
    done 2>/dev/null
    for one in $all; do
        while lives "$one"; do
            i=$((i + 1))
            [ "$i" -ne 50 ] || kill -KILL "$one"
            sleep 0.1
        done
    done
}
