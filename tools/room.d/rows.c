/* rows: what each thread of a server does, in a line. Threads have no names
 * of their own here: one is called after the person in whose recv() it was
 * seen, or after what it does. */
#include "strip.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    POLLED_MAX = 300, /* descriptors of one poll(), */
    LOCKS_MAX = 16,   /* and mutexes, that we know */
    LIST_WIDTH = 25   /* of a list that goes on over several rows */
};

enum { RED = 31, GREEN = 32, YELLOW = 33, DIM = 2 };

static struct tasks all;

/* What we have seen of a thread, for as long as it lives. */
static struct trait {
    pid_t tid;
    int port; /* of the client that it serves */
    const char *role;
} traits[TASKS_MAX];
static int ntraits;

/* The mutexes that somebody has waited for: from then on we can see who holds
 * them. */
static unsigned long locks[LOCKS_MAX];
static int nlocks;

static struct trait *trait_of(pid_t tid)
{
    for (int i = 0; i < ntraits; i++)
        if (traits[i].tid == tid)
            return &traits[i];
    return NULL;
}

/* Forgets who has ended, and makes room for who is new. */
static void keep_traits(void)
{
    static struct trait now[TASKS_MAX];

    for (int i = 0; i < all.n; i++) {
        const struct trait *old = trait_of(all.task[i].tid);

        now[i] = (struct trait){all.task[i].tid, 0, NULL};
        if (old != NULL)
            now[i] = *old;
    }
    memcpy(traits, now, sizeof traits);
    ntraits = all.n;
}

/* --- what is polled --- */

struct polled {
    int n;        /* how many descriptors; 0 if that may not be read */
    int listens;  /* is a listener among them? */
    int for_room; /* the port of one to whom it wants to send, or 0 */
    struct pollfd fds[POLLED_MAX];
};

static void look_at_poll(struct polled *p, const struct task *t)
{
    const struct call *c = call_of(t);
    unsigned long inode;

    p->n = p->listens = p->for_room = 0;
    if (c == NULL || strcmp(c->name, "poll") != 0 || t->arg[1] > POLLED_MAX
        || read_memory(all.live, t->arg[0], p->fds, t->arg[1] * sizeof *p->fds)
               < 0)
        return;
    p->n = (int)t->arg[1];
    for (int i = 0; i < p->n; i++) {
        inode = socket_of(all.live, p->fds[i].fd);
        if (is_listener(inode))
            p->listens = 1;
        else if ((p->fds[i].events & POLLOUT) != 0 && port_at(inode) != 0)
            p->for_room = port_at(inode);
    }
}

/* "alice", "the listener", "the console": what a descriptor is. */
static void name_fd(char *out, size_t size, int fd)
{
    static const char *const files[] = {"console", "screen", "log"};
    unsigned long inode = socket_of(all.live, fd);
    int port = port_at(inode);

    if (is_listener(inode))
        snprintf(out, size, "newcomers");
    else if (port != 0)
        snprintf(out, size, "%s", who_at(port));
    else if (fd >= 0 && fd <= 2)
        snprintf(out, size, "(%s)", files[fd]);
    else
        *out = '\0';
}

/* --- names --- */

/* What can be seen of a thread now, and will hold until it ends. */
static void learn(const struct task *t, const char *other)
{
    static struct polled p;
    const struct call *c = call_of(t);
    struct trait *its = trait_of(t->tid);
    int port;

    if (c == NULL || t->runs)
        return;
    look_at_poll(&p, t);
    port =
        c->kind == CALL_FROM ? port_at(socket_of(all.live, (int)t->arg[0])) : 0;
    if (port != 0)
        its->port = port;
    else if (c->kind == CALL_ACCEPT || p.listens)
        its->role = "accept";
    else if (p.n > 0)
        its->role = other;
}

static void name_thread(char *out, size_t size, const struct task *t)
{
    const struct trait *its = trait_of(t->tid);

    if (t->tid == all.pid)
        snprintf(out, size, "main");
    else if (strcmp(t->name, all.task[0].name) != 0)
        snprintf(out, size, "%s", t->name);
    else if (its->port != 0)
        snprintf(out, size, "%s", who_at(its->port));
    else
        snprintf(out, size, "%s", its->role != NULL ? its->role : "a thread");
}

/* --- locks --- */

static void learn_locks(void)
{
    int i;

    for (const struct task *t = all.task; t < all.task + all.n; t++) {
        if (waiting_of(&all, t) != WAITS_MUTEX)
            continue;
        for (i = 0; i < nlocks && locks[i] != t->arg[0]; i++)
            ;
        if (i == nlocks && nlocks < LOCKS_MAX)
            locks[nlocks++] = t->arg[0];
    }
}

/* "the lock", as long as we know of one only. */
static void name_lock(char *out, size_t size, int i)
{
    if (nlocks == 1)
        snprintf(out, size, "the lock");
    else
        snprintf(out, size, "lock %d", i + 1);
}

/* Adds ", holds the lock" for each that the thread holds. */
static int tell_held(struct row *r, const struct task *t)
{
    char lock[32];
    size_t n;
    int held = 0;

    for (int i = 0; i < nlocks; i++) {
        if (mutex_owner(all.live, locks[i]) != t->inner)
            continue;
        name_lock(lock, sizeof lock, i);
        n = strlen(r->does);
        snprintf(r->does + n, sizeof r->does - n, ", holds %s", lock);
        held = 1;
    }
    return held;
}

/* --- what it does --- */

static void tell_futex(struct row *r, const struct task *t)
{
    char what[32];
    int i = 0;

    switch (waiting_of(&all, t)) {
    case WAITS_MUTEX:
        while (i < nlocks - 1 && locks[i] != t->arg[0])
            i++;
        name_lock(what, sizeof what, i);
        snprintf(r->does, sizeof r->does, "waits for %s", what);
        r->color = RED;
        break;
    case WAITS_JOIN:
        name_thread(what, sizeof what, task_of(&all, (pid_t)t->arg[2]));
        snprintf(r->does, sizeof r->does, "waits for the end of %s", what);
        break;
    case WAITS_CONDITION:
        snprintf(r->does, sizeof r->does, "waits for a condition");
        break;
    default:
        snprintf(r->does, sizeof r->does, "waits for a thread");
    }
}

static void tell_call(struct row *r, const struct task *t)
{
    static struct polled p;
    const struct call *c = call_of(t);
    char what[40] = "";

    look_at_poll(&p, t);
    if (c == NULL)
        snprintf(r->does, sizeof r->does, "system call %ld", t->call);
    else if (p.n > 0 && all.n == 1)
        snprintf(r->does, sizeof r->does, "poll, for");
    else if (p.for_room != 0)
        snprintf(r->does, sizeof r->does, "poll, to send to %s",
                 who_at(p.for_room));
    else if (p.listens && all.n > 1)
        snprintf(r->does, sizeof r->does, "poll, for newcomers");
    else if (c->kind == CALL_FROM || c->kind == CALL_TO)
        name_fd(what, sizeof what, (int)t->arg[0]);
    if (r->does[0] == '\0')
        snprintf(r->does, sizeof r->does, "%s%s%s", c->name,
                 *what != '\0' ? " " : "", what);
}

static void tell_thread(struct row *r, const struct task *t)
{
    r->does[0] = '\0';
    r->color = DIM;
    name_thread(r->name, sizeof r->name, t);
    if (t->runs || t->call == -1) {
        snprintf(r->does, sizeof r->does, "runs");
        r->color = GREEN;
    } else if (t->call == -2) {
        snprintf(r->does, sizeof r->does, "sleeps");
    } else if (waiting_of(&all, t) != NO_FUTEX) {
        tell_futex(r, t);
    } else {
        tell_call(r, t);
    }
    if (tell_held(r, t))
        r->color = YELLOW;
}

/* Adds a word to a list that goes on over several rows; returns how many. */
static int add_word(struct row *rows, int n, const char *word)
{
    struct row *r = &rows[n - 1];
    size_t len = strlen(r->does);

    if (len > 0 && len + strlen(word) + 2 > LIST_WIDTH) {
        snprintf(r->does + len, sizeof r->does - len, ",");
        r++;
        n++;
        len = 0;
    }
    if (len == 0) {
        r->name[0] = '\0';
        r->color = DIM;
    }
    snprintf(r->does + len, sizeof r->does - len, "%s%s", len > 0 ? ", " : "",
             word);
    return n;
}

/* Where one thread waits for all: whom it waits for. */
static int tell_polled(struct row *rows)
{
    static struct polled p;
    char word[64], last[64] = "", what[40];
    int n = 0;

    look_at_poll(&p, &all.task[0]);
    for (int i = 0; i < p.n; i++) {
        name_fd(what, sizeof what, p.fds[i].fd);
        snprintf(word, sizeof word, "%s%s",
                 (p.fds[i].events & POLLOUT) != 0 ? "to send to " : "", what);
        if (*what == '\0' || p.fds[i].fd < 0 || strcmp(word, last) == 0)
            continue;
        if (n == 0)
            rows[n++].does[0] = '\0';
        n = add_word(rows, n, word);
        strcpy(last, word);
    }
    return n;
}

int tell_threads(struct row *rows, pid_t server, const char *other)
{
    int n = 0, port;

    look_at_tasks(&all, server);
    keep_traits();
    for (int i = 0; i < all.n; i++)
        learn(&all.task[i], other);
    learn_locks();
    for (int i = 0; i < all.n; i++)
        tell_thread(&rows[n++], &all.task[i]);
    if (all.n == 1)
        n += tell_polled(rows + n);
    for (int i = 0; n < ROWS_MAX && (port = unaccepted(i)) != 0; i++) {
        snprintf(rows[n].name, sizeof rows[n].name, "%s", who_at(port));
        snprintf(rows[n].does, sizeof rows[n].does, "(not accepted yet)");
        rows[n++].color = RED;
    }
    return n;
}
