/* tasks: what each thread of a program is in, as proc(5) tells it: for the
 * peer's reports, and for the strip of make room. On other systems than Linux
 * there is nothing to tell: a program has no threads then. */
#define _XOPEN_SOURCE 700
#ifdef __linux__
#define _DEFAULT_SOURCE
#endif
#include "tasks.h"
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>

/* futex(2), of <linux/futex.h>, which not every C library brings along. */
enum { FUTEX_WAIT = 0, FUTEX_WAIT_BITSET = 9, FUTEX_CMD_MASK = 127 };

enum { LIMITED = -1 }; /* in some other way */

/* Calls that wait. */
static const struct call calls[] = {
#ifdef SYS_accept
    {SYS_accept, "accept", CALL_ACCEPT, 0},
#endif
#ifdef SYS_poll
    {SYS_poll, "poll", CALL_OTHER, 3},
#endif
#ifdef SYS_select
    {SYS_select, "select", CALL_OTHER, 5},
#endif
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait", CALL_OTHER, 4},
#endif
#ifdef SYS_pause
    {SYS_pause, "pause", CALL_OTHER, 0},
#endif
#ifdef SYS_recvfrom
    {SYS_recvfrom, "recv", CALL_FROM, 0},
    {SYS_sendto, "send", CALL_TO, 0},
    {SYS_accept4, "accept", CALL_ACCEPT, 0},
#endif
    {SYS_read, "read", CALL_FROM, 0},
    {SYS_readv, "readv", CALL_FROM, 0},
    {SYS_recvmsg, "recvmsg", CALL_FROM, 0},
    {SYS_write, "write", CALL_TO, 0},
    {SYS_writev, "writev", CALL_TO, 0},
    {SYS_sendmsg, "sendmsg", CALL_TO, 0},
    {SYS_connect, "connect", CALL_OTHER, LIMITED},
    {SYS_ppoll, "poll", CALL_OTHER, 3},
    {SYS_pselect6, "select", CALL_OTHER, 5},
    {SYS_epoll_pwait, "epoll_wait", CALL_OTHER, 4},
    {SYS_wait4, "waitpid", CALL_OTHER, LIMITED},
    {SYS_nanosleep, "nanosleep", CALL_OTHER, LIMITED},
    {SYS_clock_nanosleep, "nanosleep", CALL_OTHER, LIMITED},
    {SYS_rt_sigtimedwait, "sigwait", CALL_OTHER, 3},
};

const struct call *call_of(const struct task *t)
{
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        if (calls[i].number == t->call)
            return &calls[i];
    return NULL;
}

/* Reads a file of a thread in /proc into buf, which has `size` bytes. Returns
 * -1 if that is not to be had. */
static int read_task(pid_t pid, pid_t tid, const char *name, char *buf,
                     size_t size)
{
    char path[80];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "/proc/%d/task/%d/%s", (int)pid, (int)tid,
             name);
    f = fopen(path, "r");
    if (f == NULL)
        return -1;
    n = fread(buf, 1, size - 1, f);
    fclose(f);
    buf[n] = '\0';
    return n > 0 ? 0 : -1;
}

/* Fills t with what the thread does now; returns -1 if it has ended. */
static int look_at(pid_t pid, struct task *t)
{
    char buf[4096], *p;

    *t = (struct task){.tid = t->tid, .inner = t->tid, .call = -2};
    if (read_task(pid, t->tid, "stat", buf, sizeof buf) < 0)
        return -1;
    p = strrchr(buf, ')'); /* a thread's name may hold a space */
    if (p == NULL || p[2] == 'Z' || p[2] == 'X')
        return -1;
    snprintf(t->name, sizeof t->name, "%.*s", (int)(p - strchr(buf, '(') - 1),
             strchr(buf, '(') + 1);
    t->runs = p[2] == 'R';
    t->sleeps = p[2] == 'S'; /* not stopped, for example */
    if (read_task(pid, t->tid, "status", buf, sizeof buf) < 0)
        buf[0] = '\0';
    if ((p = strstr(buf, "\nvoluntary_ctxt_switches:")) != NULL)
        t->switches = strtoul(p + strcspn(p, "\t"), NULL, 10);
    if ((p = strstr(buf, "\nNSpid:")) != NULL) {
        p[1 + strcspn(p + 1, "\n")] = '\0';
        t->inner = atoi(p + 1 + strcspn(p + 1, "\t") + 1);
        if ((p = strrchr(p, '\t')) != NULL)
            t->inner = atoi(p + 1);
    }
    if (read_task(pid, t->tid, "syscall", buf, sizeof buf) == 0)
        t->call = isdigit((unsigned char)buf[0]) ? strtol(buf, &p, 10) : -1;
    for (int i = 0; t->call >= 0 && i < 5; i++)
        t->arg[i] = strtoul(p, &p, 16);
    return 0;
}

void look_at_tasks(struct tasks *all, pid_t pid)
{
    char path[64];
    struct dirent *d;
    DIR *dir;

    all->pid = all->live = pid;
    all->n = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    dir = opendir(path);
    while (dir != NULL && all->n < TASKS_MAX && (d = readdir(dir)) != NULL) {
        all->task[all->n].tid = atoi(d->d_name);
        if (all->task[all->n].tid > 0 && look_at(pid, &all->task[all->n]) == 0)
            all->n++;
    }
    if (dir != NULL)
        closedir(dir);
    if (all->n > 0)
        all->live = all->task[0].tid;
}

/* A limit is a pointer, NULL for none, or a number, -1 for none. */
int waits_for_ever(const struct task *t)
{
    const struct call *c = call_of(t);
    unsigned long limit;

    if (!t->sleeps)
        return 0;
    if (t->call == SYS_futex)
        return t->arg[3] == 0;
    if (c == NULL || c->limit == LIMITED)
        return 0;
    limit = c->limit == 0 ? 0 : t->arg[c->limit - 1];
    return limit == 0 || (uint32_t)limit == UINT32_MAX;
}

FILE *open_connections(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/net/tcp", (int)pid);
    return fopen(path, "r");
}

/* The first line of the table is its heading, and matches nothing. */
int next_connection(FILE *f, struct connection *c)
{
    char line[512];
    unsigned here, there, state;

    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "%*d: %*[^:]:%x %*[^:]:%x %x %*s %*s %*s %*s %*s %lu",
                   &here, &there, &state, &c->inode)
            == 4) {
            c->here = here;
            c->there = there;
            c->listens = state == 0x0A; /* <netinet/tcp.h> has their names */
            c->established = state == 0x01;
            return 1;
        }
    return 0;
}

int look_up(pid_t pid, int port, unsigned long *inode)
{
    struct connection c;
    int found = 0;
    FILE *f = open_connections(pid);

    while (f != NULL && found == 0 && next_connection(f, &c))
        if (port != 0 ? c.there == port : c.inode == *inode)
            found = c.there;
    if (f != NULL)
        fclose(f);
    if (found != 0)
        *inode = c.inode;
    return found;
}

unsigned long socket_of(pid_t pid, int fd)
{
    char path[64], name[64];
    unsigned long inode = 0;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
    n = readlink(path, name, sizeof name - 1);
    name[n > 0 ? n : 0] = '\0';
    return sscanf(name, "socket:[%lu]", &inode) == 1 ? inode : 0;
}

int port_behind(pid_t pid, int fd)
{
    unsigned long inode = socket_of(pid, fd);

    return inode != 0 ? look_up(pid, 0, &inode) : 0;
}

int read_memory(pid_t pid, unsigned long at, void *to, size_t n)
{
    char path[64];
    ssize_t got;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    got = pread(fd, to, n, (off_t)at);
    close(fd);
    return got == (ssize_t)n ? 0 : -1;
}

/* glibc keeps the owner 8 bytes behind the first word. */
pid_t mutex_owner(pid_t pid, unsigned long word)
{
    int32_t owner;

    return read_memory(pid, word + 8, &owner, sizeof owner) == 0 ? owner : 0;
}

const struct task *task_of(const struct tasks *all, pid_t inner)
{
    for (int i = 0; i < all->n; i++)
        if (all->task[i].inner == inner)
            return &all->task[i];
    return NULL;
}

/* pthread_join() waits for a word that holds the other thread's number. */
enum waiting waiting_of(const struct tasks *all, const struct task *t)
{
    int op = t->arg[1] & FUTEX_CMD_MASK;
    const struct task *other = task_of(all, (pid_t)t->arg[2]);

    if (t->runs || t->call != SYS_futex)
        return NO_FUTEX;
    if (op == FUTEX_WAIT && t->arg[2] == 2)
        return WAITS_MUTEX;
    if (op == FUTEX_WAIT_BITSET)
        return other != NULL && other != t ? WAITS_JOIN : WAITS_CONDITION;
    return WAITS_SOMEHOW;
}

#else

void look_at_tasks(struct tasks *all, pid_t pid)
{
    all->pid = all->live = pid;
    all->n = 0;
}

const struct task *task_of(const struct tasks *all, pid_t inner)
{
    (void)all, (void)inner;
    return NULL;
}

const struct call *call_of(const struct task *t)
{
    (void)t;
    return NULL;
}

int waits_for_ever(const struct task *t)
{
    (void)t;
    return 0;
}

enum waiting waiting_of(const struct tasks *all, const struct task *t)
{
    (void)all, (void)t;
    return NO_FUTEX;
}

pid_t mutex_owner(pid_t pid, unsigned long word)
{
    (void)pid, (void)word;
    return 0;
}

int read_memory(pid_t pid, unsigned long at, void *to, size_t n)
{
    (void)pid, (void)at, (void)to, (void)n;
    return -1;
}

unsigned long socket_of(pid_t pid, int fd)
{
    (void)pid, (void)fd;
    return 0;
}

FILE *open_connections(pid_t pid)
{
    (void)pid;
    return NULL;
}

int next_connection(FILE *f, struct connection *c)
{
    (void)f, (void)c;
    return 0;
}

int look_up(pid_t pid, int port, unsigned long *inode)
{
    (void)pid, (void)port, (void)inode;
    return 0;
}

int port_behind(pid_t pid, int fd)
{
    (void)pid, (void)fd;
    return 0;
}

#endif
