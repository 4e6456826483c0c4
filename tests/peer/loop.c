/* loop: the stage, and the loop that reads for all who are on it. */
#include "peer.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SKIM_MAX = 1 << 20, /* who skims keeps no more than this */
    LOOK_MS = 250       /* how often we look whether all programs sleep */
};

struct stage stage = {.server = {.name = "server"},
                      .broker = {.name = "broker"},
                      .deadline_ms = 10000,
                      .idle_ms = 8000};
static int sigchld[2]; /* a pipe: a child ended */

/* Number i of all programs that there may be, from 0; NULL behind the last. */
struct prog *program(int i)
{
    if (i < 2)
        return i == 0 ? &stage.server : &stage.broker;
    i -= 2;
    if (i < stage.nothers)
        return &stage.others[i];
    i -= stage.nothers;
    return i < stage.nclients ? &stage.clients[i] : NULL;
}

/* A clock that nobody sets. */
long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void on_sigchld(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(sigchld[1], "", 1) < 0) {
        /* Full: somebody will look soon enough. */
    }
    errno = saved;
}

/* From now on a child that ends wakes the loop. 0, or -1 with errno set. */
int watch_children(void)
{
    if (pipe(sigchld) < 0)
        return -1;
    nonblocking(sigchld[0]);
    nonblocking(sigchld[1]);
    signal(SIGCHLD, on_sigchld);
    return 0;
}

/* Reads what there is, but not for ever; 0 at the end, -1 for an error, else
 * 1. */
int drain(int fd, struct bytes *b, size_t most)
{
    char buf[1 << 16];
    ssize_t n = 1;

    for (int i = 0; i < 16 && (n = read(fd, buf, sizeof buf)) > 0; i++) {
        stage.said += n;
        if (b->len < most)
            add(b, buf, n);
    }
    if (n > 0)
        return 1;
    if (n == 0)
        return 0;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 1 : -1;
}

static void drain_peer(struct peer *p)
{
    size_t before = p->heard.len;
    int r = drain(p->fd, &p->heard, SAID_MAX);

    p->total += p->heard.len - before;
    if (p->heard.len > before)
        history_of_hearing(p, p->heard.p + before, p->heard.len - before);
    if (p->skims && p->heard.len > 2 * SKIM_MAX) {
        size_t old = p->heard.len - SKIM_MAX;

        memmove(p->heard.p, p->heard.p + old, SKIM_MAX);
        p->heard.len = SKIM_MAX;
        p->done = p->done > old ? p->done - old : 0;
    }
    if (r == 1)
        return;
    p->ended = 1;
    p->err = r < 0 ? errno : 0;
    history(p->name, "sees-end\t%s", p->err ? strerror(p->err) : "");
}

/* A log is text: a NUL in it would hide from us what comes behind. */
static void drop_nuls(struct bytes *b, size_t from)
{
    size_t n = from;

    for (size_t i = from; i < b->len; i++)
        if (b->p[i] != '\0')
            b->p[n++] = b->p[i];
    if (b->p != NULL)
        b->p[n] = '\0';
    b->len = n;
}

static void drain_prog(struct prog *g)
{
    size_t from = g->err.len;

    if (g->child.pid == 0)
        return;
    guard_alive(&g->child); /* first: who is dead has said all there is */
    if (!g->child.alive && !g->mourned) {
        g->mourned = 1;
        history(g->name, "ended\t%s", ending(g));
    }
    if (g->child.out >= 0 && !g->unread
        && drain(g->child.out, &g->out, LOG_MAX) != 1) {
        if (g->child.in == g->child.out)
            g->child.in = -1;
        close(g->child.out);
        g->child.out = -1;
    }
    if (g->child.err >= 0 && drain(g->child.err, &g->err, LOG_MAX) != 1) {
        close(g->child.err);
        g->child.err = -1;
    }
    drop_nuls(&g->err, from);
}

static int watch(struct pollfd *fds, int n, int fd, short events)
{
    if (fd < 0)
        return n;
    fds[n].fd = fd;
    fds[n].events = events;
    return n + 1;
}

static int listens(const struct peer *p)
{
    return p->fd >= 0 && !p->deaf && !p->ended;
}

/* Reads for all programs; the last words of one that has ended may have come to
 * its people since they were read for. */
static void drain_programs(void)
{
    struct prog *g;

    for (int i = 0; (g = program(i)) != NULL; i++) {
        int lived = g->child.alive;

        drain_prog(g);
        for (int j = 0; lived && !g->child.alive && j < stage.npeers; j++)
            if (stage.peers[j]->server == g && listens(stage.peers[j]))
                drain_peer(stage.peers[j]);
    }
}

/* Waits at most ms for anything to happen, and reads for everybody; looks up
 * every now and then, to see that no program does harm. */
void pump(long ms, int with_orders, int writer)
{
    static struct pollfd fds[MAX_PEERS + 2 * MAX_PROGRAMS + 3];
    static struct peer *who[sizeof fds / sizeof *fds];
    struct prog *g;
    int n = 0, first;
    char c;

    n = watch(fds, n, sigchld[0], POLLIN);
    n = watch(fds, n, 0, with_orders ? POLLIN : 0); /* or POLLHUP */
    n = watch(fds, n, writer, POLLOUT);
    for (int i = 0; (g = program(i)) != NULL; i++)
        if (g->child.pid != 0) {
            n = watch(fds, n, g->unread ? -1 : g->child.out, POLLIN);
            n = watch(fds, n, g->child.err, POLLIN);
        }
    first = n;
    for (int i = 0; i < stage.npeers; i++)
        if (listens(stage.peers[i])) {
            who[n] = stage.peers[i];
            n = watch(fds, n, stage.peers[i]->fd, POLLIN);
        }
    poll(fds, n, ms < 0 || ms > WATCH_MS ? WATCH_MS : (int)ms);
    while (read(sigchld[0], &c, 1) > 0)
        ;
    for (int i = first; i < n; i++)
        if (fds[i].revents != 0)
            drain_peer(who[i]);
    drain_programs();
    look_after_all();
}

/* The test has gone away, in the middle of a sentence. */
int nobody_asks(void)
{
    struct pollfd p = {0, 0, 0};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Since when has no program done anything, nor will again by itself? */
struct idle {
    long since, next;    /* ms; since is 0 while one does something */
    unsigned long turns; /* as threads_wait_for_ever() has it */
};

static int wait_for_ever(unsigned long *turns)
{
    int n = 0;

    for (int i = 0; program(i) != NULL; i++) {
        const struct prog *g = program(i);

        if (g->child.pid == 0 || !g->child.alive)
            continue;
        if (!threads_wait_for_ever(g->child.pid, turns))
            return 0;
        n++;
    }
    return n > 0 && guard_descendants() <= n;
}

/* One more look, if it is time for one: have they slept for stage.idle_ms? A
 * limit that we cannot see, as SO_RCVTIMEO sets, is why that is seconds. */
static int is_idle(struct idle *idle)
{
    unsigned long turns = 0;
    long now = now_ms();

    if (now < idle->next)
        return 0;
    idle->next = now + LOOK_MS;
    if (!wait_for_ever(&turns)) {
        idle->since = 0;
    } else if (idle->since == 0 || turns != idle->turns) {
        idle->since = now;
        idle->turns = turns;
    }
    return idle->since != 0 && now - idle->since >= stage.idle_ms;
}

/* Pumps until done(arg) is not 0, and returns that; 0 when the time is over, or
 * when all programs sleep for good: nothing would come. done() may give up with
 * -1. It is asked again when anything has happened, and every so many ms: what
 * only /proc or waitpid(2) tells makes no event. */
int until_every(long ms, int (*done)(void *), void *arg)
{
    long begin = now_ms(), end = begin + stage.deadline_ms, left;
    struct idle idle = {.next = begin + LOOK_MS};
    int r;

    for (;;) {
        r = done(arg);
        left = end - now_ms();
        if (r != 0 || left <= 0 || nobody_asks() || is_idle(&idle))
            break;
        pump(left < ms ? left : ms, 0, -1);
    }
    stage.waited_ms = now_ms() - begin;
    return r;
}

/* As until_every(), where an event tells of all that matters. */
int until(int (*done)(void *), void *arg)
{
    return until_every(stage.deadline_ms, done, arg);
}

/* As until(), for what a test waits for more than once. As long as it has not
 * come, *once is 0, and the variable of that name, if there is one, is the
 * deadline, in ms: other tests have waited for it in vain. */
int until_once(const char *variable, int *once, int (*done)(void *), void *arg)
{
    const char *ms = getenv(variable);
    int usual = stage.deadline_ms, r;

    if (!*once && ms != NULL && atoi(ms) < usual)
        stage.deadline_ms = atoi(ms);
    r = until(done, arg);
    if (r != 1)
        return r;
    stage.deadline_ms = usual;
    *once = 1;
    return r;
}
