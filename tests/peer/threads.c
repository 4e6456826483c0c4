/* threads: what each thread of a program is doing, for the report of a wait
 * that was in vain. Linux tells it (tasks.c); elsewhere there is nothing to
 * tell. */
#include "peer.h"
#include "tasks.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    NAMED_MAX = 64, /* so many threads we know by whom they serve, */
    LINES_MAX = 8,  /* and tell no more than this of them */
    CAST = 4,       /* of so many people we tell who serves them, */
    FDS_MAX = 32,   /* if it is by one of the first descriptors */
    LOOK_MS = 100   /* whoever runs at both ends of this time never rests */
};

/* Which thread serves whom, as of the last time that all were at rest: the
 * thread as it sees itself, which may have ended since. */
static struct {
    pid_t inner;
    char name[32];
} served[NAMED_MAX];
static int nserved;

/* --- looking --- */

/* ThreadSanitizer has a thread of its own, the first behind main, that looks
 * around now and then: we know it by its nap. */
static int is_sanitizer(const struct tasks *all, const struct task *t)
{
    static pid_t known;
    const char *server = getenv("PEER_SERVER");
    const struct call *c = call_of(t);

    if (t == &all->task[1] && all->task[0].tid == all->pid && c != NULL
        && strcmp(c->name, "nanosleep") == 0 && server != NULL
        && strstr(server, "/tsan/") != NULL)
        known = t->tid;
    return t->tid == known;
}

int threads_wait_for_ever(pid_t pid, unsigned long *turns)
{
    static struct tasks all;

    look_at_tasks(&all, pid);
    for (int i = 0; i < all.n; i++) {
        if (is_sanitizer(&all, &all.task[i]))
            continue;
        if (!waits_for_ever(&all.task[i]))
            return 0;
        *turns = *turns * 31 + all.task[i].tid + all.task[i].switches;
    }
    return all.n > 0 && all.n < TASKS_MAX;
}

/* --- telling --- */

/* Who is served by that thread, or NULL. */
static const char *whose(pid_t inner)
{
    for (int i = 0; i < nserved; i++)
        if (served[i].inner == inner)
            return served[i].name;
    return NULL;
}

/* "main", "alice's thread", "a thread" */
static void name_task(char *out, size_t size, const struct tasks *all,
                      const struct task *t)
{
    const char *name = whose(t->inner);

    if (t->tid == all->pid)
        snprintf(out, size, "main");
    else if (name != NULL)
        snprintf(out, size, "%s's thread", name);
    else
        snprintf(out, size, "a thread");
}

#define OWN_CLIENT " from its client"

/* What a call waits for: " from alice", " to bob, who does not read", or, in
 * the thread that serves alice, " from its client". */
static void name_file(char *out, size_t size, const struct tasks *all,
                      const struct task *t, enum kind kind)
{
    static const char *const files[] = {"standard input", "stdout", "stderr"};
    const char *way = kind == CALL_FROM ? "from" : "to",
               *mine = whose(t->inner);
    int fd = (int)t->arg[0], port = port_behind(all->live, fd);
    const struct peer *p = port != 0 ? peer_at(port) : NULL;

    *out = '\0';
    if (kind == CALL_OTHER || kind == CALL_ACCEPT)
        return;
    if (p != NULL && kind == CALL_FROM && mine != NULL
        && strcmp(mine, p->name) == 0)
        snprintf(out, size, OWN_CLIENT);
    else if (p != NULL)
        snprintf(out, size, " %s %s%s", way, p->name,
                 kind == CALL_TO && p->deaf ? ", who does not read" : "");
    else if (port != 0)
        snprintf(out, size, " %s port %d", way, port);
    else if (fd >= 0 && fd <= 2)
        snprintf(out, size, " %s %s", way, files[fd]);
}

static void tell_call(struct bytes *b, const struct tasks *all,
                      const struct task *t, int depth);

/* ", which waits in recv() from alice": what the one does that t waits for.
 * That one may wait for t in turn, so we follow the chain for three steps. */
static void tell_other(struct bytes *b, const struct tasks *all,
                       const struct task *other, int depth)
{
    if (depth < 3) {
        addf(b, ", which ");
        tell_call(b, all, other, depth + 1);
    }
}

/* Who holds the mutex whose first word is at `word`? */
static void tell_mutex(struct bytes *b, const struct tasks *all,
                       const struct task *t, unsigned long word, int depth)
{
    pid_t owner = mutex_owner(all->live, word);
    const struct task *other = task_of(all, owner);
    char who[64];

    addf(b, "waits for a mutex");
    if (other == t) {
        addf(b, " that it has locked itself");
    } else if (other != NULL) {
        name_task(who, sizeof who, all, other);
        addf(b, " held by %s", who);
        tell_other(b, all, other, depth);
    } else if (owner > 0) {
        addf(b, " that is never unlocked: %s%s locked it and has ended",
             whose(owner) ? whose(owner) : "a thread",
             whose(owner) ? "'s thread" : "");
    }
}

/* What a thread waits for that sleeps in futex(2). */
static void tell_futex(struct bytes *b, const struct tasks *all,
                       const struct task *t, int depth)
{
    const struct task *other = task_of(all, (pid_t)t->arg[2]);
    char who[64];

    switch (waiting_of(all, t)) {
    case WAITS_MUTEX:
        tell_mutex(b, all, t, t->arg[0], depth);
        break;
    case WAITS_JOIN:
        name_task(who, sizeof who, all, other);
        addf(b, "waits in pthread_join() for %s", who);
        tell_other(b, all, other, depth);
        break;
    case WAITS_CONDITION:
        addf(b, "waits for a condition variable (or a semaphore)");
        break;
    default:
        addf(b, "waits for another thread (a mutex, or a condition variable)");
    }
}

static void tell_call(struct bytes *b, const struct tasks *all,
                      const struct task *t, int depth)
{
    const struct call *c = call_of(t);
    char whom[128];

    if (t->runs || t->call == -1) {
        addf(b, "runs");
    } else if (t->call == -2) {
        addf(b, "sleeps");
    } else if (waiting_of(all, t) != NO_FUTEX) {
        tell_futex(b, all, t, depth);
    } else if (c == NULL) {
        addf(b, "waits in system call %ld", t->call);
    } else {
        name_file(whom, sizeof whom, all, t, c->kind);
        addf(b, "waits in %s()%s", c->name, whom);
    }
}

/* Whoever runs now, but slept a moment ago, may only have woken up: it has
 * work. Whoever ran then, too, does not rest. */
static const char *busy(const struct task *now, const struct tasks *before)
{
    for (int i = 0; i < before->n; i++)
        if (before->task[i].tid == now->tid && before->task[i].runs)
            return "runs without a pause";
    return "runs";
}

/* Adds a line about n threads, one of which is called `who`: "main waits",
 * "2 threads wait". */
static void tell_group(struct bytes *report, const char *who, int n,
                       const char *does)
{
    int verb = strcspn(does, " "), rest = strlen(does + verb);
    const char *own = strstr(does, OWN_CLIENT);

    if (own != NULL)
        rest = own - (does + verb);
    if (n == 1)
        addf(report, "%s %s\n", who, does);
    else
        addf(report, "%d threads %.*s%.*s%s\n", n, verb - 1, does, rest,
             does + verb, own != NULL ? ", each" OWN_CLIENT : "");
}

/* What is unusual comes first: whoever waits for another, or does not rest. */
static int is_unusual(const char *does)
{
    return strstr(does, "mutex") != NULL || strncmp(does, "runs", 4) == 0
           || strstr(does, "who does not read") != NULL;
}

/* Adds a line for each of those that do the same, and tells no more of them. */
static int tell_same(struct bytes *report, const struct tasks *all,
                     struct bytes *does, int i)
{
    char who[64];
    int n = 0;

    name_task(who, sizeof who, all, &all->task[i]);
    for (int j = all->n - 1; j >= i; j--)
        if (does[j].p != NULL && strcmp(does[i].p, does[j].p) == 0) {
            n++;
            if (j > i)
                forget(&does[j]);
        }
    tell_group(report, who, n, does[i].p);
    forget(&does[i]);
    return 1;
}

static void tell_all(struct bytes *report, const struct tasks *all,
                     const struct tasks *before)
{
    static struct bytes does[TASKS_MAX];
    int lines = 0;

    for (int i = 0; i < all->n; i++) {
        if (all->task[i].runs)
            addf(&does[i], "%s", busy(&all->task[i], before));
        else
            tell_call(&does[i], all, &all->task[i], 0);
    }
    for (int usual = 0; usual <= 1; usual++)
        for (int i = 0; i < all->n; i++)
            if (does[i].p != NULL && (usual || is_unusual(does[i].p))
                && lines < LINES_MAX)
                lines += tell_same(report, all, does, i);
    for (int i = 0; i < all->n; i++)
        forget(&does[i]);
}

/* Does a thread wait at that descriptor? */
static int is_served(const struct tasks *all, int fd)
{
    const struct call *c;

    for (int i = 0; i < all->n; i++) {
        c = call_of(&all->task[i]);
        if (c != NULL && (c->kind == CALL_FROM || c->kind == CALL_TO)
            && (int)all->task[i].arg[0] == fd)
            return 1;
    }
    return 0;
}

/* What the program makes of one connection, if that explains a wait: where one
 * thread waits for many, it does not show who is looked after. */
static void tell_connection(struct bytes *report, const struct tasks *all,
                            const struct peer *p, int polls)
{
    const char *colon = strrchr(p->addr, ':');
    unsigned long inode = 0;
    int fd = 0;

    if (p->fd < 0 || p->ended || colon == NULL
        || look_up(all->live, atoi(colon + 1), &inode) == 0)
        return;
    while (fd < FDS_MAX && socket_of(all->live, fd) != inode)
        fd++;
    if (inode == 0)
        addf(report, "%s waits to be accepted\n", p->name);
    else if (fd < FDS_MAX && !polls && !is_served(all, fd))
        addf(report, "no thread reads from %s, whose connection is open\n",
             p->name);
}

static void tell_connections(struct bytes *report, const struct tasks *all)
{
    const struct call *c;
    int polls = all->n == 1 && all->live == all->pid;

    for (int i = 0; i < all->n; i++) {
        c = call_of(&all->task[i]);
        polls |= c != NULL && strstr("poll select epoll_wait", c->name) != NULL;
    }
    for (int i = 0; i < stage.npeers && i < CAST; i++)
        if (strncmp(stage.peers[i]->name, "crowd", 5) != 0)
            tell_connection(report, all, stage.peers[i], polls);
}

void threads_note(pid_t pid)
{
    static struct tasks all;
    const struct call *c;
    const struct peer *p;
    int port;

    look_at_tasks(&all, pid);
    nserved = 0;
    for (int i = 0; i < all.n && nserved < NAMED_MAX; i++) {
        c = call_of(&all.task[i]);
        if (c == NULL || c->kind != CALL_FROM)
            continue;
        port = port_behind(all.live, (int)all.task[i].arg[0]);
        p = port != 0 ? peer_at(port) : NULL;
        if (p != NULL) {
            served[nserved].inner = all.task[i].inner;
            snprintf(served[nserved++].name, sizeof served->name, "%s",
                     p->name);
        }
    }
}

void threads_tell(struct bytes *report, pid_t pid)
{
    static struct tasks before, now;
    struct timespec moment = {0, LOOK_MS * 1000000L};

    look_at_tasks(&before, pid);
    if (before.n == 0)
        return;
    nanosleep(&moment, NULL);
    look_at_tasks(&now, pid);
    tell_all(report, &now, &before);
    if (pid == stage.server.child.pid)
        tell_connections(report, &now);
}
