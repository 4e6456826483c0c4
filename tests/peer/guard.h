/*
 * guard: starts a program so that it cannot outlive or disturb its test.
 *
 * The program gets a session of its own, no descriptor above 2, every signal
 * at its default and none blocked (an ignored SIGPIPE is inherited through
 * execve(2) and would hide the flaw of v4), no core dump, an environment of a
 * few harmless variables, and bounds on open descriptors, on the size of a file
 * and on a stack. It runs behind the layers of sandbox.h that guard_init() was
 * told of. Where the system has it (prctl(2), PR_SET_CHILD_SUBREAPER), what the
 * program leaves behind, a daemon that ignores SIGTERM too, is ours to end.
 */
#ifndef GUARD_H
#define GUARD_H
#include "sandbox.h"
#include <sys/types.h>

struct limits {
    const char *name; /* what argv[0] is to be, a path of ours tells too much;
                         NULL: as it is */
    const char *home; /* the folder it runs in, may write to, and gets for its
                         own; NULL: ours, as it is */
    const char *cwd;  /* below home; NULL: home itself */
    int builds;       /* it is a compiler: keeps PATH; its temporary folder is
                         "tmp" in home */
    int tty;          /* stdin and stdout are a terminal of its own */
    long nofile;  /* open descriptors; 0: 1024. If more, more threads, too */
    long address; /* bytes of address space; 0: as inherited */
    const char *preload; /* what ld.so(8) loads before it; NULL: nothing */
    int trace_fd; /* with preload: what it inherits, as TRACE_FD tells it */
    long cpu;     /* seconds of processor time; 0: as inherited */
};

struct child {
    pid_t pid;    /* the program; 0: never started */
    pid_t waited; /* whom waitpid(2) knows: the program, or bwrap before it */
    int told;     /* where bwrap tells how it goes; -1: nowhere */
    int alive;    /* not yet reaped */
    int status;   /* as waitpid(2) says, once it is reaped */
    int in;       /* its stdin: write here; -1 once closed */
    int out;      /* its stdout; the same as in, for a terminal */
    int err;      /* its stderr */
};

/* Makes orphans ours, and says which layers and hidden paths the programs get
 * (the rest of *s is filled here); to be called once, before guard_start(). */
void guard_init(const struct sandbox *s);

/* Starts argv[0] and fills c, whose descriptors are ours to close, do not
 * block and are not inherited. 0, or -1 with errno set. A program that cannot
 * be put behind its layers says so on its stderr, and ends with 127. */
int guard_start(struct child *c, char *argv[], const struct limits *limits);

/* Reaps c if it has ended, as waitpid(2) with WNOHANG. Returns c->alive. */
int guard_alive(struct child *c);

/* Is it stopped, by SIGSTOP? -1: it has ended. */
int guard_stopped(struct child *c);

/* Kills c and its session, and reaps it; no harm if it has ended already. */
void guard_end(struct child *c);

/* How many descendants we have, as far as /proc tells. */
int guard_descendants(void);

/* Kills and reaps every descendant that is left, as far as /proc tells. */
void guard_clean(void);

#endif
