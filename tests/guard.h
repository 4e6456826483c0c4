/*
 * guard: starts a program so that it cannot outlive or disturb its test.
 *
 * The program gets a session of its own, no descriptor above 2, every signal
 * at its default and none blocked (an ignored SIGPIPE is inherited through
 * execve(2) and would hide the flaw of v4), no core dump, and bounds on open
 * descriptors and on the size of a file. Where the system has it
 * (prctl(2), PR_SET_CHILD_SUBREAPER), what the program leaves behind, a
 * daemon that ignores SIGTERM too, is ours to end. Root never runs a program
 * under test: on Linux it runs as a user of its own then, who can neither
 * signal the test nor reach its files.
 */
#ifndef GUARD_H
#define GUARD_H
#include <sys/types.h>

struct limits {
    long nofile;      /* open descriptors; 0: 1024 */
    long address;     /* bytes of address space; 0: as inherited */
    int tty;          /* stdin and stdout are a terminal of its own */
    const char *home; /* the folder it runs in; NULL: ours */
};

struct child {
    pid_t pid;  /* 0: never started */
    int alive;  /* not yet reaped */
    int status; /* as waitpid(2) says, once it is reaped */
    int in;     /* its stdin: write here; -1 once closed */
    int out;    /* its stdout; the same as in, for a terminal */
    int err;    /* its stderr */
};

/* Makes orphans ours, and finds out who nobody is; to be called once, before
 * guard_start(). */
void guard_init(void);

/* Starts argv[0] and fills c, whose descriptors are ours to close, do not
 * block and are not inherited. 0, or -1 with errno set. */
int guard_start(struct child *c, char *argv[], const struct limits *limits);

/* Reaps c if it has ended, as waitpid(2) with WNOHANG. Returns c->alive. */
int guard_alive(struct child *c);

/* Kills c and its session, and reaps it; no harm if it has ended already. */
void guard_end(struct child *c);

/* How many descendants we have, as far as /proc tells. */
int guard_descendants(void);

/* Kills and reaps every descendant that is left, as far as /proc tells. */
void guard_clean(void);

#endif
