/*
 * tasks: what each thread of a program is in, as proc(5) tells it on Linux.
 *
 * What the peer reports of a wait in vain rests on it (threads.c), and so does
 * the strip that make room shows (tools/room.d/strip.c). It knows nothing of
 * the people: it tells descriptors, ports and memory. On other systems a
 * program has no threads here, and each question has the answer 0.
 */
#ifndef TASKS_H
#define TASKS_H
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum { TASKS_MAX = 600 }; /* we look at no more threads than this */

/* A thread, and the call that it is in: -1 if it runs, -2 if nobody tells. */
struct task {
    pid_t tid;     /* as we see it */
    pid_t inner;   /* as it sees itself, in a namespace of its own */
    char name[24]; /* as the program calls it, or the program's own name */
    int runs, sleeps;
    long call;
    unsigned long arg[5];
    unsigned long switches; /* how often it has gone to sleep */
};

struct tasks {
    pid_t pid;
    pid_t live; /* a thread that has not ended, as main may have */
    int n;
    struct task task[TASKS_MAX];
};

/* Fills *all with what the threads of a program do now; n is 0 where nothing
 * tells. */
void look_at_tasks(struct tasks *all, pid_t pid);

/* The thread that sees itself by that number; NULL if there is none. */
const struct task *task_of(const struct tasks *all, pid_t inner);

/* A call that waits: what kind of thing its first argument, a descriptor, is to
 * it; and which of its arguments limits how long: 0 for none, else the Nth. */
enum kind { CALL_OTHER, CALL_FROM, CALL_TO, CALL_ACCEPT };
struct call {
    long number;
    const char *name;
    enum kind kind;
    int limit;
};

/* NULL if we do not know the call that the thread is in. */
const struct call *call_of(const struct task *t);

/* Is it asleep in a call that no time limit ends? */
int waits_for_ever(const struct task *t);

/* What a thread waits for that is in futex(2), by its looks. A mutex is told
 * only where the C library is glibc, or keeps it in the same way. */
enum waiting {
    NO_FUTEX,
    WAITS_MUTEX,
    WAITS_JOIN,
    WAITS_CONDITION,
    WAITS_SOMEHOW
};
enum waiting waiting_of(const struct tasks *all, const struct task *t);

/* Who holds the mutex whose first word is there, as that thread sees itself; 0
 * if nobody does, or if that may not be read. */
pid_t mutex_owner(pid_t pid, unsigned long word);

/* Reads n bytes of a program's memory; -1 if that is forbidden. */
int read_memory(pid_t pid, unsigned long at, void *to, size_t n);

/* The inode of a program's socket; 0 if it is none. Where main has ended, only
 * /proc of a thread that lives tells of it. */
unsigned long socket_of(pid_t pid, int fd);

/* One line of the table of connections: the ports at both ends, and an inode,
 * which is 0 as long as nobody has accepted it. */
struct connection {
    int here, there;
    int listens; /* it is a listener, and nobody is there */
    int established;
    unsigned long inode;
};

/* The table as that program sees it: NULL if there is none. The next line of
 * it: 0 at its end. */
FILE *open_connections(pid_t pid);
int next_connection(FILE *f, struct connection *c);

/* Looks for the connection to that port, or, if port is 0, for the one of that
 * inode. Returns its port, and its inode; 0 if there is none. */
int look_up(pid_t pid, int port, unsigned long *inode);

/* The port at the other end of a program's socket; 0 if it is none. */
int port_behind(pid_t pid, int fd);

#endif
