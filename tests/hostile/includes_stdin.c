/* includes_stdin: waits for somebody to type the rest. */
#include "/dev/fd/0"
#include "/dev/stdin"
#include "/proc/self/environ"
