# layers.bash: which layers of sandbox.h a program under test gets here.
# To be sourced at the top of the kit, with build/kit built.
#
# shellcheck disable=SC2034 # What it sets is for those who source it.
#
# KIT_HIDE names more folders that a program must not see, a line each.
#
# By default you get the best layers that this machine has. SANDBOX= chooses
# others: none, or some of user, landlock, bwrap and network, joined by commas.

# find_layers [FOLDER]: sets
#   layers     what stands around each program: user, landlock, bwrap
#   network    yes if each bats gets a network of its own
#   contained  yes if a stranger's program can neither read the kit or FOLDER
#              nor signal anybody
# and exports what the peer and confine.c are to know. 1, and a word on stderr,
# if SANDBOX asks for what cannot be had.
find_layers() {
    local wanted=${SANDBOX:-auto} folder one
    layers='' network=no contained=no
    folder=$(cd "${1:-.}" && pwd -P)
    PEER_HIDDEN=$(pwd -P)$'\n'$folder
    [ "$folder" = "$(pwd -P)" ] || PEER_HIDDEN=$PEER_HIDDEN$(others_of "$folder")
    [ -z "${KIT_HIDE:-}" ] || PEER_HIDDEN=$PEER_HIDDEN$'\n'$KIT_HIDE
    export PEER_HIDDEN PEER_LAYERS=
    [ "$(uname)" = Linux ] || wanted=none
    case $wanted in
        auto)
            contained=yes
            for one in $(best_first); do
                ! holds "$one" "$folder" || break
                one=''
            done
            [ -n "$one" ] || contained=no one=$(at_least)
            layers=$one
            ! build/kit/confine --network true 2>/dev/null || network=yes ;;
        none) layers=$(at_least_root) ;;
        *) named_layers "$wanted" "$folder" || return 1 ;;
    esac
    PEER_LAYERS=$layers
}

# What lies beside a hand-in, another's most likely, on a line; nothing where
# that is the system's.
others_of() {
    case ${1%/*} in
        '' | /usr | /usr/local | /usr/lib | /usr/bin | /bin | /lib | /lib64 | /sbin) ;;
        *) printf '\n%s' "${1%/*}" ;;
    esac
}

best_first() {
    if [ "$(id -u)" -eq 0 ]; then
        echo user,landlock bwrap user
    else
        echo landlock bwrap
    fi
}

# Where nothing contains it: some is better than none.
at_least() {
    if [ "$(id -u)" -ne 0 ] && [ "$(build/kit/confine --abi)" -gt 0 ]; then
        echo landlock
    else
        at_least_root
    fi
}

# Root itself never runs a program under test.
at_least_root() {
    [ "$(id -u)" -ne 0 ] || echo user
}

# holds LAYERS FOLDER: is a program behind these contained?
holds() {
    local folder hidden=()
    while read -r folder; do
        [ -z "$folder" ] || hidden[${#hidden[@]}]=$folder
    done <<<"${KIT_HIDE:-}"
    build/kit/confine --try "$1" "$PWD/tests/matrix.tsv" "$2" \
        ${hidden[@]+"${hidden[@]}"} >/dev/null 2>&1
}

# Exactly those that SANDBOX names; root gives a user to what landlock keeps.
named_layers() {
    local word
    for word in ${1//,/ }; do
        case $word in
            network)
                build/kit/confine --network true || return 1
                network=yes ;;
            user | landlock | bwrap) layers=$layers${layers:+,}$word ;;
            *)
                echo "SANDBOX=$1: there are none, user, landlock, bwrap and" \
                    "network" >&2
                return 1 ;;
        esac
    done
    [ "$layers" != landlock ] || [ "$(id -u)" -ne 0 ] || layers=user,landlock
    [ -n "$layers" ] || layers=$(at_least_root)
    ! holds "$layers" "$2" || contained=yes
    [ -z "$layers" ] || [ "$contained" = yes ] ||
        build/kit/confine --try "$layers" >/dev/null 2>&1 || {
        echo "SANDBOX=$1: that cannot be had here (make doctor)" >&2
        return 1
    }
}

# What there is, in words; nothing where there is nothing.
say_layers() {
    local said='' abi
    case ,$layers, in *,user,*) said="$said, a user of its own" ;; esac
    case ,$layers, in
        *,landlock,*)
            abi=$(build/kit/confine --abi)
            said="$said, Landlock (ABI $abi)" ;;
    esac
    case ,$layers, in *,bwrap,*) said="$said, bubblewrap" ;; esac
    [ "$network" != yes ] || said="$said, a network of its own"
    echo "${said#, }"
}
