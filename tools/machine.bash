# machine.bash: what scripts ask of the machine that they run on. To be sourced
# at the top of the kit.
#
# shellcheck disable=SC2034 # What it sets is for those who source it.

# Colours, where stdout is a terminal; NO_COLOR is respected (no-color.org).
bold='' dim='' red='' green='' cyan='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' dim=$'\033[2m' red=$'\033[31m' green=$'\033[32m'
    cyan=$'\033[36m' plain=$'\033[0m'
fi

# How many cores there are for us, 1 at least: in a container often fewer than
# the machine has (cgroups(7), cpu.max: microseconds of each period, or max).
cores() {
    local all quota period
    all=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
    if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max &&
        [ "$quota" != max ] && [ $((quota / period)) -lt "$all" ]; then
        all=$((quota < period ? 1 : quota / period))
    fi
    echo "$all"
}
