/*
 * sandbox: what a stranger's program can reach, in layers.
 *
 * A layer is a mechanism of the system that may be there or not:
 *
 *     user       a user of its own, setuid(2): only root can give it one
 *     landlock   landlock(7): reads the system's trees, writes the scratch
 *                folder; from ABI 6 on it signals nobody outside, either; and,
 *                without a user of its own, seccomp(2) keeps it from what
 *                Landlock does not know
 *     bwrap      bubblewrap, bwrap(1): sees the system's trees and the scratch
 *                folder, and no process but its own
 *     network    network_namespaces(7): a loopback of its own, and nothing else
 *
 * The first three are put on by guard_start(); confine(1), in confine.c, tries
 * which of them this machine has. A layer that is asked for and cannot be had
 * stops the program before it starts: nothing runs with less than was promised.
 * All of it is Linux's; elsewhere there is no layer to ask for.
 */
#ifndef SANDBOX_H
#define SANDBOX_H
#include <sys/types.h>

enum { SANDBOX_USER = 1, SANDBOX_LANDLOCK = 2, SANDBOX_BWRAP = 4 };

struct sandbox {
    int layers; /* SANDBOX_... */
    uid_t user; /* for SANDBOX_USER */
    gid_t group;
    const char *hidden;   /* paths, a line each, that stay out of sight even
                             where they lie in a tree of the system's */
    const char *scratch;  /* the one folder that it may write to; NULL: none */
    int scratch_fd;       /* the same, open, for landlock */
    const char *preload;  /* what ld.so(8) loads before it; NULL: nothing */
    const char *trace_fd; /* with preload: the descriptor it is to find */
};

/* The layers named in words ("user,landlock"), or -1 for an unknown word. */
int sandbox_named(const char *words);

/* The version of Landlock's interface; 0 where there is none. */
int sandbox_landlock_abi(void);

/* Puts the calling process behind the layers user and landlock, as the last
 * step before it executes the program that is open as program_fd (-1: one in
 * the system's trees). 0, or -1 with errno set. */
int sandbox_enter(const struct sandbox *s, int program_fd);

/* The command that runs argv, program first, behind bwrap, in the folder cwd
 * below the scratch folder; as bwrap tells it, its child's pid comes on the
 * descriptor status_fd. A NULL-terminated array in memory of its own, or NULL
 * with errno set. The program stands at /server in there if it is none of the
 * system's. */
char **sandbox_bwrap(const struct sandbox *s, char *argv[], const char *cwd,
                     int status_fd);

/* Moves the calling process to a network of its own with a loopback interface
 * that is up, and to a System V IPC of its own. 0, or -1 with errno set. */
int sandbox_network(void);

#endif
