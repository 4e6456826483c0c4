/* peer: the people of a test, and the stage they play on. */
#define _XOPEN_SOURCE 700
#if defined(__linux__) || defined(__APPLE__)
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif
#include "guard.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * One peer runs beside one test. It reads orders from its standard input, one
 * a line, and answers each with one line, "TOKEN ok [WORD...]" or "TOKEN fail
 * CLASS", where TOKEN is what the first order says:
 *
 *     WHO<tab>VERB[<tab>ARGUMENT...]
 *
 * After "fail" the file "report" in the folder named on the command line says
 * what was expected and what was seen; "log" there holds the server's stderr
 * after "fail", "server refuses" and "server output". Bytes are written as in
 * C: \n \r \t \0 \\ \xHH. The verbs are at the end of this file.
 *
 * Everybody is non-blocking, and one loop (pump) reads for all of them, so a
 * person who is slow holds up nobody but the server that waits for her.
 * Whatever waits has one deadline, PEER_DEADLINE in ms, and gives up at once
 * when the server has died.
 */
enum {
    MAX_PEERS = 600,
    MAX_CLIENTS = 8,
    MAX_ARGS = 16,
    LINE_SIZE = 1 << 16,
    LOG_MAX = 8 << 20,    /* a program that says more to one of us,... */
    SAID_MAX = 256 << 20, /* or to all of us, is ended; */
    RSS_MAX = 2 << 20,    /* as one with so many KiB of memory,... */
    FORKS_MAX = 500,      /* or so many descendants */
    WATCH_MS = 50
};

struct bytes {
    char *p;
    size_t len, size;
};

struct peer {
    char name[32], addr[64];
    int fd;             /* -1: not connected */
    int deaf;           /* does not read */
    int leaving;        /* says no more */
    int ended, err;     /* end-of-stream seen, or this errno */
    struct bytes heard; /* her transcript */
    size_t done;        /* how much of it has been asked for */
    size_t since;       /* the server's log when she came */
    time_t said;        /* when she began to say what she said last */
};

struct prog {
    char name[32];
    struct child child;
    struct bytes out, err;
    size_t done; /* how much of out has been asked for */
};

static const char *folder;
static int deadline_ms = 10000;
static struct peer peers[MAX_PEERS];
static int npeers;
static int listening = -1; /* for the client under test */
static struct prog server;
static struct prog clients[MAX_CLIENTS]; /* "client", or "client:NAME" */
static int nclients;
static char server_addr[64];
static int server_port;
static int sigchld[2]; /* a pipe: a child ended */
static struct bytes orders;
static char token[64];     /* what our answers begin with: none can forge one */
static const char *excess; /* why we ended the program under test, if so */
static size_t said;        /* bytes that it has said, to anyone */
static char home[1024];    /* where it runs */
static long born;          /* when the peer was started */

/* --- bytes --- */

static void add(struct bytes *b, const char *p, size_t n)
{
    if (b->len + n + 1 > b->size) {
        b->size = (b->len + n + 1) * 2;
        b->p = realloc(b->p, b->size);
        if (b->p == NULL) {
            perror("peer");
            exit(1);
        }
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

static void addf(struct bytes *b, const char *format, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    add(b, text, strlen(text));
}

static void forget(struct bytes *b)
{
    free(b->p);
    memset(b, 0, sizeof *b);
}

/* Moves *done behind the next words in b; 0 if there are none. */
static int skip_past(const struct bytes *b, size_t *done,
                     const struct bytes *words)
{
    for (size_t i = *done; i + words->len <= b->len; i++)
        if (memcmp(b->p + i, words->p, words->len) == 0) {
            *done = i + words->len;
            return 1;
        }
    return 0;
}

static int mentions(const struct bytes *b, size_t from, const char *words)
{
    struct bytes w = {(char *)words, strlen(words), 0};

    return skip_past(b, &from, &w);
}

static void unescape(struct bytes *to, const char *s)
{
    static const char from[] = "nrt0\\", into[] = "\n\r\t\0\\";
    unsigned hex;
    const char *at;
    char c;

    while (*s != '\0') {
        c = *s++;
        if (c == '\\' && *s == 'x' && sscanf(s + 1, "%2x", &hex) == 1) {
            c = (char)hex;
            s += 3;
        } else if (c == '\\' && *s != '\0' && (at = strchr(from, *s))) {
            c = into[at - from];
            s++;
        }
        add(to, &c, 1);
    }
}

/* Bytes as a person can read them, many of a kind counted; long texts only
 * around place. */
static void escape(struct bytes *to, const char *p, size_t n, size_t place)
{
    size_t from = n > 4096 && place > 200 ? place - 200 : 0;
    size_t end = n > 4096 && n - from > 400 ? from + 400 : n;

    if (n == 0)
        addf(to, "(nothing)");
    if (from > 0)
        addf(to, "(%lu bytes, then) ", (unsigned long)from);
    for (size_t i = from; i < end; i++) {
        unsigned char c = p[i];
        size_t run = 1;

        while (i + run < end && p[i + run] == p[i])
            run++;
        if (run > 40) {
            addf(to, "[%lu times] ", (unsigned long)run);
            i += run - 1;
        }
        if (c == '\n' || c == '\r' || c == '\0' || c == '\t' || c == '\\')
            addf(to, "\\%c",
                 c == '\n'   ? 'n'
                 : c == '\r' ? 'r'
                 : c == '\t' ? 't'
                 : c == '\0' ? '0'
                             : '\\');
        else if (c < 32 || c >= 127)
            addf(to, "\\x%02x", c);
        else
            add(to, p + i, 1);
    }
    if (end < n)
        addf(to, " (and %lu bytes more)", (unsigned long)(n - end));
}

/* --- answers --- */

static void save(const char *name, const struct bytes *b)
{
    char path[1024];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    if (f == NULL) {
        perror(path); /* the test is over: the end of the orders comes next */
        return;
    }
    fwrite(b->p, 1, b->len, f);
    fclose(f);
}

static void reply(const char *format, ...)
{
    va_list ap;

    if (strncmp(format, "fail", 4) == 0)
        save("log", &server.err);
    printf("%s ", token);
    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

static void fail(const char *class, const char *format, ...)
{
    struct bytes report = {0};
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    addf(&report, "%s\n", text);
    save("report", &report);
    forget(&report);
    reply("fail %s", class);
}

/* How a program ended, in one word: exit0, sigpipe, sanitizer ... */
static const char *ending(const struct prog *g)
{
    static char word[32];
    int sig = WIFSIGNALED(g->child.status) ? WTERMSIG(g->child.status) : 0;

    if (g->child.alive)
        return "alive";
    if (excess != NULL)
        return excess;
    if (g->err.p && strstr(g->err.p, "ERROR: LeakSanitizer"))
        return "leak";
    if (g->err.p
        && (strstr(g->err.p, "ERROR: AddressSanitizer")
            || strstr(g->err.p, "runtime error:")))
        return "sanitizer";
    if (sig == SIGPIPE)
        return "sigpipe";
    if (sig != 0)
        snprintf(word, sizeof word, "signal%d", sig);
    else
        snprintf(word, sizeof word, "exit%d", WEXITSTATUS(g->child.status));
    return word;
}

/* --- the loop --- */

static long now_ms(void)
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

/* Reads what there is, but not for ever; 0 at the end, -1 for an error, else
 * 1. */
static int drain(int fd, struct bytes *b, size_t most)
{
    char buf[1 << 16];
    ssize_t n = 1;

    for (int i = 0; i < 16 && (n = read(fd, buf, sizeof buf)) > 0; i++) {
        said += n;
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
    int r = drain(p->fd, &p->heard, SAID_MAX);

    if (r == 1)
        return;
    p->ended = 1;
    p->err = r < 0 ? errno : 0;
}

static void drain_prog(struct prog *g)
{
    if (g->child.pid == 0)
        return;
    guard_alive(&g->child); /* first: who is dead has said all there is */
    if (g->child.out >= 0 && drain(g->child.out, &g->out, LOG_MAX) != 1) {
        if (g->child.in == g->child.out)
            g->child.in = -1;
        close(g->child.out);
        g->child.out = -1;
    }
    if (g->child.err >= 0 && drain(g->child.err, &g->err, LOG_MAX) != 1) {
        close(g->child.err);
        g->child.err = -1;
    }
}

/* How many KiB of memory a process has; 0 where nothing tells. */
static long memory_of(pid_t pid)
{
    char path[64];
    long pages = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* How many threads this machine has; 0 where nothing tells. */
static long threads_everywhere(void)
{
    FILE *f = fopen("/proc/loadavg", "r");
    long n = 0;

    if (f == NULL)
        return 0;
    if (fscanf(f, "%*s %*s %*s %*d/%ld", &n) != 1)
        n = 0;
    fclose(f);
    return n;
}

/* How many there were before any program was started by us. */
static long threads_before;

/* Why a program must be ended before it harms the machine, or NULL. */
static const char *too_much(const struct prog *g)
{
    if (g->out.len >= LOG_MAX || g->err.len >= LOG_MAX || said >= SAID_MAX)
        return "flood";
    if (memory_of(g->child.pid) > RSS_MAX)
        return "memory";
    if (threads_everywhere() > threads_before + FORKS_MAX
        && guard_descendants() > FORKS_MAX)
        return "forks";
    return NULL;
}

static void look_after(struct prog *g)
{
    const char *why;

    if (g->child.pid == 0 || !g->child.alive)
        return;
    why = too_much(g);
    if (why == NULL)
        return;
    excess = why;
    guard_end(&g->child);
    guard_clean();
}

static void look_after_all(void)
{
    static long next;

    if (now_ms() < next)
        return;
    look_after(&server);
    for (int i = 0; i < nclients; i++)
        look_after(&clients[i]);
    next = now_ms() + WATCH_MS;
}

static int watch(struct pollfd *fds, int n, int fd, short events)
{
    if (fd < 0)
        return n;
    fds[n].fd = fd;
    fds[n].events = events;
    return n + 1;
}

/* Waits at most ms for anything to happen, and reads for everybody; looks up
 * every now and then, to see that no program does harm. */
static void pump(long ms, int with_orders, int writer)
{
    static struct pollfd fds[MAX_PEERS + 2 * MAX_CLIENTS + 5];
    int n = 0;
    char c;

    n = watch(fds, n, sigchld[0], POLLIN);
    n = watch(fds, n, 0, with_orders ? POLLIN : 0); /* or POLLHUP */
    n = watch(fds, n, writer, POLLOUT);
    if (server.child.pid != 0) {
        n = watch(fds, n, server.child.out, POLLIN);
        n = watch(fds, n, server.child.err, POLLIN);
    }
    for (int i = 0; i < nclients; i++) {
        n = watch(fds, n, clients[i].child.out, POLLIN);
        n = watch(fds, n, clients[i].child.err, POLLIN);
    }
    for (int i = 0; i < npeers; i++)
        if (!peers[i].deaf && !peers[i].ended)
            n = watch(fds, n, peers[i].fd, POLLIN);
    poll(fds, n, ms < 0 || ms > WATCH_MS ? WATCH_MS : (int)ms);
    while (read(sigchld[0], &c, 1) > 0)
        ;
    for (int i = 0; i < npeers; i++)
        if (peers[i].fd >= 0 && !peers[i].deaf && !peers[i].ended)
            drain_peer(&peers[i]);
    drain_prog(&server);
    for (int i = 0; i < nclients; i++)
        drain_prog(&clients[i]);
    look_after_all();
}

/* The test has gone away, in the middle of a sentence. */
static int nobody_asks(void)
{
    struct pollfd p = {0, 0, 0};

    return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

/* Pumps until done(arg) is not 0, and returns that; 0 when the time is over.
 * done() may give up with -1. It is asked again when anything has happened,
 * and every so many ms: what only /proc or waitpid(2) tells makes no event. */
static int until_every(long ms, int (*done)(void *), void *arg)
{
    long end = now_ms() + deadline_ms, left;
    int r;

    for (;;) {
        r = done(arg);
        left = end - now_ms();
        if (r != 0 || left <= 0 || nobody_asks())
            return r;
        pump(left < ms ? left : ms, 0, -1);
    }
}

static int until(int (*done)(void *), void *arg)
{
    return until_every(deadline_ms, done, arg);
}

static int has_ended(void *arg)
{
    return !((struct prog *)arg)->child.alive;
}

/* The server may have died a moment before we see it: its sockets close
 * first. Waits for that, in a failing test only. Returns the class. */
static const char *why_closed(void)
{
    int saved = deadline_ms;

    if (server.child.pid == 0)
        return "closed";
    if (deadline_ms > 2000)
        deadline_ms = 2000;
    until(has_ended, &server);
    deadline_ms = saved;
    return server.child.alive ? "closed" : ending(&server);
}

/* --- people --- */

static struct peer *find(const char *name)
{
    struct peer *p;

    for (int i = 0; i < npeers; i++)
        if (strcmp(peers[i].name, name) == 0)
            return &peers[i];
    if (npeers == MAX_PEERS) {
        fprintf(stderr, "peer: more than %d people\n", MAX_PEERS);
        exit(1);
    }
    p = &peers[npeers++];
    snprintf(p->name, sizeof p->name, "%s", name);
    p->fd = -1;
    return p;
}

static struct prog *find_client(const char *name)
{
    struct prog *g;

    for (int i = 0; i < nclients; i++)
        if (strcmp(clients[i].name, name) == 0)
            return &clients[i];
    if (nclients == MAX_CLIENTS) {
        fprintf(stderr, "peer: more than %d clients\n", MAX_CLIENTS);
        exit(1);
    }
    g = &clients[nclients++];
    snprintf(g->name, sizeof g->name, "%s", name);
    g->child.out = g->child.err = g->child.in = -1;
    return g;
}

static void nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void new_talk(struct peer *p, int fd)
{
    if (p->fd >= 0)
        close(p->fd);
    forget(&p->heard);
    p->done = 0;
    p->deaf = p->leaving = p->ended = p->err = 0;
    p->fd = fd;
    p->since = server.err.len;
    nonblocking(fd);
}

static int is_writable(void *arg)
{
    struct pollfd p = {*(int *)arg, POLLOUT, 0};

    return poll(&p, 1, 0) == 1;
}

/* As connect(2), but it gives up at the deadline: ETIMEDOUT. */
static int dial(int fd, struct sockaddr_in *to)
{
    int err = 0;
    socklen_t len = sizeof err;

    nonblocking(fd);
    if (connect(fd, (struct sockaddr *)to, sizeof *to) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -1;
    if (until_every(10, is_writable, &fd))
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    else
        err = ETIMEDOUT;
    errno = err;
    return err == 0 ? 0 : -1;
}

/* Connects p to ip, with a receive buffer of rcvbuf bytes if that is not 0.
 * 0, or -1 with errno set. */
static int knock(struct peer *p, const char *ip, int rcvbuf)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, me;
    socklen_t len = sizeof me;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t since = server.err.len;
    int saved, on = 1;

    if (fd < 0)
        return -1;
    to.sin_port = htons(server_port);
    inet_pton(AF_INET, ip, &to.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (rcvbuf > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
    if (dial(fd, &to) < 0) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    new_talk(p, fd);
    p->since = since;
    getsockname(fd, (struct sockaddr *)&me, &len);
    snprintf(p->addr, sizeof p->addr, "%s:%d",
             inet_ntop(AF_INET, &me.sin_addr, (char[INET_ADDRSTRLEN]){0},
                       INET_ADDRSTRLEN),
             ntohs(me.sin_port));
    return 0;
}

static int logged(const struct peer *p, const char *what)
{
    char words[96];

    snprintf(words, sizeof words, "%s %s", p->addr, what);
    return mentions(&server.err, p->since, words);
}

static int has_joined(void *arg)
{
    if (logged(arg, "joined"))
        return 1;
    return server.child.alive ? 0 : -1;
}

static int has_left(void *arg)
{
    if (logged(arg, "left"))
        return 1;
    return server.child.alive ? 0 : -1;
}

static void hang_up(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

/* Sends, reading for everybody meanwhile; how much went out in time. */
static size_t send_some(struct peer *p, const char *buf, size_t n)
{
    long end = now_ms() + deadline_ms;
    size_t sent = 0;
    ssize_t r;

    while (sent < n && p->fd >= 0 && now_ms() < end && !nobody_asks()) {
        r = send(p->fd, buf + sent, n - sent, 0);
        if (r > 0) {
            sent += r;
            end = now_ms() + deadline_ms;
        } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            break;
        } else {
            pump(end - now_ms(), 0, p->fd);
        }
        if (server.child.pid != 0 && !server.child.alive)
            break;
    }
    return sent;
}

/* --- what a rung answers --- */

/* Expected bytes; where like holds 'd', any digit will do. */
struct pattern {
    struct bytes text, like;
};

static void put(struct pattern *e, const char *p, size_t n, char like)
{
    add(&e->text, p, n);
    for (size_t i = 0; i < n; i++)
        add(&e->like, p[i] >= '0' && p[i] <= '9' ? &like : "=", 1);
}

/* What is heard of msg when from said it; no from: just these bytes. */
static void expect(struct pattern *e, const struct peer *from,
                   const struct bytes *msg)
{
    const char *style = getenv("PEER_ANSWER");

    if (from != NULL && strcmp(style, "echo") == 0)
        put(e, "Your msg = ", 11, '=');
    if (from != NULL && strcmp(style, "stamp") == 0) {
        put(e, "[0000-00-00 00:00:00] ", 22, 'd');
        put(e, from->addr, strlen(from->addr), '=');
        put(e, " ", 1, '=');
    }
    put(e, msg->p, msg->len, '=');
    if (from != NULL && strcmp(style, "lines") == 0)
        put(e, "###", 3, '=');
}

/* How many of the bytes are as expected, from the start on. */
static size_t agree(const struct pattern *e, const char *p, size_t n)
{
    size_t i = 0;

    while (i < n && i < e->text.len
           && (p[i] == e->text.p[i]
               || (e->like.p[i] == 'd' && p[i] >= '0' && p[i] <= '9')))
        i++;
    return i;
}

struct hearing {
    struct pattern want;
    struct bytes *heard;
    size_t *done;
    struct peer *peer; /* NULL: a program's stdout */
};

/* 1: heard it; 0: not all of it yet; -1: something else, or never. */
static int has_heard(void *arg)
{
    struct hearing *h = arg;
    size_t n = h->heard->len - *h->done;
    size_t same = agree(&h->want, h->heard->p + *h->done, n);

    if (same == h->want.text.len) {
        *h->done += same;
        return 1;
    }
    if (same < n || (h->peer && (h->peer->ended || h->peer->fd < 0)))
        return -1;
    return server.child.pid == 0 || server.child.alive ? 0 : -1;
}

static void fail_hearing(struct hearing *h, int r)
{
    struct bytes report = {0};
    const char *seen = h->heard->p ? h->heard->p + *h->done : "";
    size_t n = h->heard->len - *h->done;
    size_t same = agree(&h->want, seen, n);
    const char *class = "bytes";

    if (same == n)
        class = r == 0 ? "timeout" : why_closed();
    for (size_t i = 0; i < h->want.like.len; i++)
        if (h->want.like.p[i] == 'd')
            h->want.text.p[i] = "YYYY-mm-dd HH:MM:SS"[i - 1];
    addf(&report, "expected: ");
    escape(&report, h->want.text.p, h->want.text.len, same);
    addf(&report, "\nseen:     ");
    escape(&report, seen, n, same);
    addf(&report, "\n");
    if (same == n && r == 0)
        addf(&report, "and then nothing for %d s.\n", deadline_ms / 1000);
    else if (same == n)
        addf(&report, "and then the connection was over%s%s.\n",
             h->peer && h->peer->err ? ": " : "",
             h->peer && h->peer->err ? strerror(h->peer->err) : "");
    else
        addf(&report, "They differ from byte %lu on.\n", (unsigned long)same);
    save("report", &report);
    forget(&report);
    reply("fail %s", class);
}

/* "ok", and what has been heard since then, as a person can read it. */
static void reply_heard(const struct bytes *b, size_t since, size_t done)
{
    struct bytes text = {0};

    escape(&text, b->p + since, done - since, 0);
    reply("ok %s", text.p);
    forget(&text);
}

/* Hears what is wanted, or says why not. 1 when it was heard. */
static int hear(struct hearing *h)
{
    int r = until(has_heard, h);

    if (r != 1)
        fail_hearing(h, r);
    forget(&h->want.text);
    forget(&h->want.like);
    return r == 1;
}

/* --- what the system knows of a program (Linux) --- */

/* Counts the threads that are alive, and those of them that sleep; 0 where
 * there is no /proc. */
static int count_threads(const struct prog *g, int *asleep)
{
    char path[300], line[512], *p;
    struct dirent *d;
    DIR *tasks;
    FILE *f;
    int n = 0;

    *asleep = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)g->child.pid);
    tasks = opendir(path);
    while (tasks != NULL && (d = readdir(tasks)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)g->child.pid,
                 d->d_name);
        f = d->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f == NULL)
            continue;
        p = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
        fclose(f);
        if (p == NULL || p[2] == 'Z' || p[2] == 'X')
            continue;
        n++;
        *asleep += p[2] == 'S';
    }
    if (tasks != NULL)
        closedir(tasks);
    return n;
}

/* At rest: three looks, at least 10 ms apart, at all threads asleep. */
struct rest {
    struct prog *prog;
    int looks;
    long last; /* ms */
};

static int rests(struct rest *r)
{
    int asleep, n = count_threads(r->prog, &asleep);

    if (n == 0 || asleep < n) {
        r->looks = 0;
    } else if (r->looks == 0 || now_ms() - r->last >= 10) {
        r->looks++;
        r->last = now_ms();
    }
    return r->looks == 3;
}

static int count_descriptors(void)
{
    char path[64];
    struct dirent *d;
    DIR *fds;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)server.child.pid);
    fds = opendir(path);
    while (fds != NULL && (d = readdir(fds)) != NULL)
        n += d->d_name[0] != '.';
    if (fds != NULL)
        closedir(fds);
    return n;
}

/* --- verbs: the server --- */

static int is_ready(void *arg)
{
    const char *p = server.err.p ? strstr(server.err.p, "listening on ") : NULL;

    (void)arg;
    if (p != NULL && strchr(p, '\n') != NULL)
        return 1;
    return server.child.alive ? 0 : -1;
}

static void renew(struct prog *g)
{
    guard_end(&g->child);
    if (g->child.pid != 0) {
        if (g->child.in >= 0)
            close(g->child.in);
        if (g->child.out >= 0 && g->child.out != g->child.in)
            close(g->child.out);
        if (g->child.err >= 0)
            close(g->child.err);
    }
    forget(&g->out);
    forget(&g->err);
    g->done = 0;
    memset(&g->child, 0, sizeof g->child);
}

static int launch(struct prog *g, const char *program, char **arg)
{
    struct limits limits = {.home = home};
    char *argv[MAX_ARGS + 2] = {NULL};
    int n = 0;

    renew(g);
    argv[n++] = getenv(program);
    for (; *arg != NULL; arg++) {
        if (strcmp(*arg, "+tty") == 0)
            limits.tty = 1;
        else if (strncmp(*arg, "+nofile=", 8) == 0)
            limits.nofile = atol(*arg + 8);
        else if (strncmp(*arg, "+address=", 9) == 0)
            limits.address = atol(*arg + 9) << 20;
        else if (strcmp(*arg, "+plain") == 0)
            argv[0] = getenv("PEER_SERVER_PLAIN");
        else
            argv[n++] = *arg;
    }
    if (guard_start(&g->child, argv, &limits) < 0) {
        fail("harness", "cannot start %s: %s", argv[0], strerror(errno));
        return -1;
    }
    return 0;
}

/* starts [+tty] [+nofile=N] [+address=MB] [+plain] ARGUMENT... -> ok PORT */
static void server_starts(char **arg)
{
    char *p;
    int r;

    if (launch(&server, "PEER_SERVER", arg) < 0)
        return;
    r = until(is_ready, NULL);
    if (r == 0) {
        fail("start",
             "no line with \"listening on IP:PORT\" on its stderr "
             "for %d s",
             deadline_ms / 1000);
        return;
    }
    if (r < 0) {
        fail("start", "it ended before it was ready (%s)", ending(&server));
        return;
    }
    p = strstr(server.err.p, "listening on ");
    sscanf(p, "listening on %63[^ \n]", server_addr);
    p = strrchr(server_addr, ':');
    server_port = p ? atoi(p + 1) : 0;
    if (server_port == 0)
        fail("start", "\"listening on %s\" tells no port", server_addr);
    else
        reply("ok %d", server_port);
}

/* refuses ARGUMENT... -> ok exitN: it must end by itself */
static void server_refuses(char **arg)
{
    if (launch(&server, "PEER_SERVER", arg) < 0)
        return;
    if (!until(has_ended, &server)) {
        fail("timeout", "it goes on running instead of saying what is wrong");
        return;
    }
    pump(0, 0, -1);
    save("out", &server.out);
    save("log", &server.err);
    reply("ok %s", ending(&server));
}

/* ends -> ok exitN */
static void prog_ends(struct prog *g)
{
    if (!until(has_ended, g)) {
        fail("timeout", "it is still running after %d s", deadline_ms / 1000);
        return;
    }
    pump(0, 0, -1);
    reply("ok %s", ending(g));
}

/* lives -> ok, or how it ended */
static void server_lives(char **arg)
{
    (void)arg;
    pump(0, 0, -1);
    if (server.child.alive)
        reply("ok");
    else
        fail(ending(&server), "it has ended: %s", ending(&server));
}

struct logging {
    struct prog *prog;
    const char *words;
};

static int is_logged(void *arg)
{
    struct logging *l = arg;

    if (mentions(&l->prog->err, 0, l->words))
        return 1;
    return l->prog->child.alive ? 0 : -1;
}

/* logs WORDS */
static void prog_logs(struct prog *g, const char *words)
{
    struct logging l = {g, words};
    int r = until(is_logged, &l);

    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : ending(g), "no line with \"%s\" in its log",
             words);
}

static int is_at_rest(void *arg)
{
    struct rest *r = arg;

    if (rests(r))
        return 1;
    return r->prog->child.alive ? 0 : -1;
}

/* rests: all its threads sleep -> ok, or ok unknown where nothing tells */
static void prog_rests(struct prog *g)
{
    struct rest s = {.prog = g};
    int asleep, r;

    if (g->child.alive && count_threads(g, &asleep) == 0) {
        reply("ok unknown");
        return;
    }
    r = until_every(10, is_at_rest, &s);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : ending(g),
             r == 0 ? "its threads do not come to rest"
                    : "it has ended, where it should be at rest");
}

static int is_stopped(void *arg)
{
    struct child *c = arg;
    int status;

    if (waitpid(c->pid, &status, WNOHANG | WUNTRACED) != c->pid)
        return 0;
    if (WIFSTOPPED(status))
        return 1;
    c->alive = 0;
    c->status = status;
    return -1;
}

/* freezes: SIGSTOP, and waits until it is stopped */
static void server_freezes(char **arg)
{
    (void)arg;
    kill(server.child.pid, SIGSTOP);
    if (until_every(10, is_stopped, &server.child) == 1)
        reply("ok");
    else
        fail(server.child.alive ? "harness" : ending(&server),
             "it could not be frozen (SIGSTOP)");
}

static void server_thaws(char **arg)
{
    (void)arg;
    kill(server.child.pid, SIGCONT);
    reply("ok");
}

/* gets NAME: a signal, INT or KILL */
static void server_gets(char **arg)
{
    kill(server.child.pid, strcmp(arg[0], "INT") == 0 ? SIGINT : SIGKILL);
    reply("ok");
}

static void server_threads(char **arg)
{
    int asleep;

    (void)arg;
    reply("ok %d", count_threads(&server, &asleep));
}

static void server_descriptors(char **arg)
{
    (void)arg;
    reply("ok %d", count_descriptors());
}

/* --- verbs: the console, and whoever types at a program --- */

static void type(struct prog *g, const char *text)
{
    struct bytes b = {0};
    long end = now_ms() + deadline_ms;
    size_t sent = 0;
    ssize_t n;

    unescape(&b, text);
    while (sent < b.len && g->child.in >= 0 && now_ms() < end) {
        n = write(g->child.in, b.p + sent, b.len - sent);
        if (n > 0)
            sent += n;
        else if (errno == EAGAIN || errno == EINTR)
            pump(end - now_ms(), 0, g->child.in);
        else
            break;
    }
    if (sent == b.len)
        reply("ok");
    else
        fail(g->child.alive ? "timeout" : ending(g),
             "it takes no more of what is typed");
    forget(&b);
}

static void close_input(struct prog *g)
{
    if (g->child.in >= 0)
        close(g->child.in);
    g->child.in = -1;
    reply("ok");
}

struct showing {
    struct prog *prog;
    struct bytes words;
};

static int has_shown(void *arg)
{
    struct showing *s = arg;

    if (skip_past(&s->prog->out, &s->prog->done, &s->words))
        return 1;
    return s->prog->child.alive ? 0 : -1;
}

/* shows WORDS, somewhere after what it has shown before */
static void shows(struct prog *g, const char *words)
{
    struct showing s = {g, {0}};
    struct bytes report = {0};
    size_t since = g->done;
    int r;

    unescape(&s.words, words);
    r = until(has_shown, &s);
    if (r == 1) {
        reply_heard(&g->out, since, g->done);
    } else {
        addf(&report, "expected: ... %s ...\nseen:     ", words);
        escape(&report, g->out.p ? g->out.p + g->done : "",
               g->out.len - g->done, 0);
        addf(&report, "\n");
        save("report", &report);
        reply("fail %s", r == 0 ? "timeout" : ending(g));
    }
    forget(&report);
    forget(&s.words);
}

static int has_line(void *arg)
{
    struct prog *g = arg;

    if (g->out.p && strchr(g->out.p + g->done, '\n'))
        return 1;
    return g->child.alive ? 0 : -1;
}

/* line -> ok LINE: the next line that it shows */
static void line(struct prog *g)
{
    int r = until(has_line, g), n;
    char *p;

    if (r != 1) {
        fail(r == 0 ? "timeout" : ending(g), "it shows no line");
        return;
    }
    p = g->out.p + g->done;
    n = strchr(p, '\n') - p;
    g->done += n + 1;
    reply("ok %.*s", n, p);
}

/* output -> ok: all that it has shown is in the file "out" */
static void output(struct prog *g)
{
    pump(0, 0, -1);
    save("out", &g->out);
    save("err", &g->err);
    save("log", &server.err);
    reply("ok");
}

/* --- verbs: people --- */

static int do_knock(struct peer *p, int rcvbuf)
{
    int err;

    if (knock(p, "127.0.0.1", rcvbuf) == 0)
        return 0;
    err = errno;
    if (err == ECONNREFUSED || err == ECONNRESET)
        fail(strcmp(why_closed(), "closed") == 0 ? "refused" : why_closed(),
             "%s could not connect to port %d: %s", p->name, server_port,
             strerror(err));
    else if (err == ETIMEDOUT)
        fail("timeout",
             "%s could not connect: the queue is full (the backlog of "
             "listen(2)?), and the server takes nobody out of it",
             p->name);
    else
        fail("harness", "%s could not connect: %s", p->name, strerror(err));
    return -1;
}

/* knocks: connects, and waits for nothing */
static void knocks(struct peer *p, char **arg)
{
    if (do_knock(p, arg[0] ? atoi(arg[0]) : 0) == 0)
        reply("ok %s", p->addr);
}

static int do_join(struct peer *p, int rcvbuf)
{
    int r;

    if (do_knock(p, rcvbuf) < 0)
        return -1;
    r = until(has_joined, p);
    if (r == 1)
        return 0;
    fail(r == 0 ? "timeout" : why_closed(),
         "the server's log never said \"%s joined\", the words that tests "
         "and people wait for",
         p->addr);
    return -1;
}

/* joins [RCVBUF]: connects, and the log says so -> ok ADDR */
static void joins(struct peer *p, char **arg)
{
    if (do_join(p, arg[0] ? atoi(arg[0]) : 0) == 0)
        reply("ok %s", p->addr);
}

/* reaches IP: fails if she can connect there */
static void reaches(struct peer *p, char **arg)
{
    if (knock(p, arg[0], 0) == 0)
        reply("ok yes");
    else
        reply("ok no");
}

/* says BYTES [TIMES] */
static void says(struct peer *p, char **arg)
{
    struct bytes one = {0}, all = {0};
    size_t sent;

    unescape(&one, arg[0]);
    for (int i = arg[1] ? atoi(arg[1]) : 1; i > 0; i--)
        add(&all, one.p, one.len);
    p->said = time(NULL);
    sent = send_some(p, all.p, all.len);
    if (sent == all.len)
        reply("ok");
    else
        fail(server.child.alive && p->err == 0 && !p->ended ? "timeout"
                                                            : why_closed(),
             "%s could send %lu bytes of %lu, then the server took no more",
             p->name, (unsigned long)sent, (unsigned long)all.len);
    forget(&one);
    forget(&all);
}

/* says-slowly BYTES: a packet a byte */
static void says_slowly(struct peer *p, char **arg)
{
    struct bytes b = {0};
    size_t i;

    unescape(&b, arg[0]);
    for (i = 0; i < b.len && send_some(p, b.p + i, 1) == 1; i++)
        pump(1, 0, -1);
    if (i == b.len)
        reply("ok");
    else
        fail(why_closed(), "%s could send %lu bytes of %lu", p->name,
             (unsigned long)i, (unsigned long)b.len);
    forget(&b);
}

static int hear_one(struct peer *p, struct peer *from, const char *text,
                    int times)
{
    struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
    struct bytes one = {0}, msg = {0};
    int ok;

    unescape(&one, text);
    while (times-- > 0)
        add(&msg, one.p, one.len);
    expect(&h.want, from, &msg);
    ok = hear(&h);
    forget(&one);
    forget(&msg);
    return ok;
}

/* hears BYTES [FROM [TIMES]]: these are the next bytes, as FROM's message
 * comes out of this rung; FROM is "-": just these bytes */
static void hears(struct peer *p, char **arg)
{
    struct peer *from = p;
    size_t since = p->done;

    if (arg[1] != NULL)
        from = strcmp(arg[1], "-") == 0 ? NULL : find(arg[1]);
    if (hear_one(p, from, arg[0], arg[1] && arg[2] ? atoi(arg[2]) : 1))
        reply_heard(&p->heard, since, p->done);
}

static int has_found(void *arg)
{
    struct hearing *h = arg;

    if (skip_past(h->heard, h->done, &h->want.text))
        return 1;
    /* What has been searched in vain need not be searched again. */
    if (h->heard->len >= *h->done + h->want.text.len)
        *h->done = h->heard->len - h->want.text.len + 1;
    return server.child.alive && !h->peer->ended ? 0 : -1;
}

/* hears-at-last BYTES: they come, whatever comes before them */
static void hears_at_last(struct peer *p, char **arg)
{
    struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
    size_t before;
    int r;

    unescape(&h.want.text, arg[0]);
    do { /* As long as words come, she is not waiting in vain. */
        before = p->heard.len;
        r = until(has_found, &h);
    } while (r == 0 && p->heard.len > before);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : why_closed(), "%s never heard \"%s\"",
             p->name, arg[0]);
    forget(&h.want.text);
}

/* transcript FILE -> ok: all that she has heard is in that file */
static void transcript(struct peer *p, char **arg)
{
    save(arg[0], &p->heard);
    reply("ok");
}

static int is_later(void *arg)
{
    return time(NULL) > *(time_t *)arg;
}

/* waits-a-second: until the clock shows another second than when she spoke */
static void waits_a_second(struct peer *p, char **arg)
{
    (void)arg;
    until_every(10, is_later, &p->said);
    reply("ok");
}

/* heard-time -> ok SECONDS: how far the last time stamp she heard is off the
 * time between her words and now; 0 if it lies in it */
static void heard_time(struct peer *p, char **arg)
{
    struct tm tm = {.tm_isdst = -1};
    const char *s = p->heard.p ? strrchr(p->heard.p, '[') : NULL;
    struct timespec now; /* time() may be some ms late */
    time_t then;

    (void)arg;
    if (s == NULL
        || sscanf(s, "[%d-%d-%d %d:%d:%d]", &tm.tm_year, &tm.tm_mon,
                  &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec)
               != 6) {
        fail("bytes", "%s heard no [YYYY-mm-dd HH:MM:SS]", p->name);
        return;
    }
    tm.tm_year -= 1900;
    tm.tm_mon--;
    then = mktime(&tm);
    clock_gettime(CLOCK_REALTIME, &now);
    reply("ok %ld", (long)(then < p->said      ? then - p->said
                           : then > now.tv_sec ? then - now.tv_sec
                                               : 0));
}

static int is_over(void *arg)
{
    return ((struct peer *)arg)->ended;
}

static int is_over_or_hears(void *arg)
{
    struct peer *p = arg;

    return p->ended || p->heard.len > p->done;
}

static void fail_connected(const struct peer *p)
{
    fail("timeout",
         "%s should have been let go, and is still connected %d s "
         "later",
         p->name, deadline_ms / 1000);
}

/* sees-end: end-of-stream or a reset; nothing more is said before it */
static void sees_end(struct peer *p, char **arg)
{
    struct bytes report = {0};

    (void)arg;
    if (!until(is_over_or_hears, p)) {
        fail_connected(p);
        return;
    }
    if (p->heard.len == p->done) {
        reply("ok");
        return;
    }
    addf(&report,
         "expected: (nothing), then the end of the stream\nseen:     ");
    escape(&report, p->heard.p + p->done, p->heard.len - p->done, 0);
    addf(&report, "\n");
    save("report", &report);
    forget(&report);
    reply("fail bytes");
}

/* is-let-go: end-of-stream or a reset, whatever was said before it */
static void is_let_go(struct peer *p, char **arg)
{
    (void)arg;
    if (!until(is_over, p)) {
        fail_connected(p);
        return;
    }
    p->done = p->heard.len;
    reply("ok");
}

struct leaving {
    struct peer *peer;
    struct rest rest;
};

/* The log may say "left" a moment before it is done: but a server at rest has
 * done it. Where there is no /proc to tell, the log must do. */
static int has_left_or_ended(void *arg)
{
    struct leaving *l = arg;
    int asleep;

    if (l->peer->ended)
        return 1;
    if (logged(l->peer, "left")
        && (rests(&l->rest) || count_threads(&server, &asleep) == 0))
        return 1;
    return server.child.alive ? 0 : -1;
}

static int do_leave(struct peer *p)
{
    struct leaving l = {p, {.prog = &server}};
    int r;

    shutdown(p->fd, SHUT_WR);
    r = until_every(10, has_left_or_ended, &l);
    if (r == 1) {
        hang_up(p);
        return 0;
    }
    fail(r == 0 ? "timeout" : why_closed(),
         "%s closed her side, and the server neither closed its own nor "
         "logged \"%s left\"",
         p->name, p->addr);
    return -1;
}

/* leaves: half-closes, reads to the end (or to the log's "left", and the
 * server's rest), closes */
static void leaves(struct peer *p, char **arg)
{
    (void)arg;
    if (do_leave(p) == 0)
        reply("ok");
}

/* half-closes: will say no more, still listens */
static void half_closes(struct peer *p, char **arg)
{
    (void)arg;
    shutdown(p->fd, SHUT_WR);
    reply("ok");
}

static void reset(struct peer *p)
{
    struct linger hard = {1, 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hang_up(p);
}

/* crashes [unseen]: a reset; and the log says "left", unless unseen */
static void crashes(struct peer *p, char **arg)
{
    int r;

    reset(p);
    r = arg[0] ? 1 : until(has_left, p);
    if (r == 1)
        reply("ok");
    else
        fail(r == 0 ? "timeout" : why_closed(),
             "%s was reset, and the log never said \"%s left\"", p->name,
             p->addr);
}

/* vanishes: closes, whatever there may be to read */
static void vanishes(struct peer *p, char **arg)
{
    (void)arg;
    hang_up(p);
    reply("ok");
}

/* stops-reading */
static void stops_reading(struct peer *p, char **arg)
{
    (void)arg;
    p->deaf = 1;
    reply("ok");
}

static int is_stuck(const struct prog *g)
{
    int asleep, n = count_threads(g, &asleep);

    return n == 0 || n == asleep;
}

/* Writes 1000-byte lines until the program takes no more and rests, or so many
 * megabytes are out -> ok BYTES */
static void flood(const struct prog *g, int fd, const char *mb)
{
    size_t most = (size_t)atoi(mb) << 20, sent = 0;
    char text[1000];
    int looks = 0;
    ssize_t n;

    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\n';
    while (sent < most && looks < 5 && g->child.alive) {
        n = write(fd, text, sizeof text);
        if (n > 0) {
            sent += n;
            looks = 0;
            pump(0, 0, -1); /* whoever reads does not fall behind */
        } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
            break;
        } else {
            pump(20, 0, fd);
            looks = is_stuck(g) ? looks + 1 : 0;
        }
    }
    reply("ok %lu", (unsigned long)sent);
}

/* floods MB: says so much, if the server takes it */
static void floods(struct peer *p, char **arg)
{
    flood(&server, p->fd, arg[0]);
}

/* is-unserved: refused, or let go without an answer to a word */
static void is_unserved(struct peer *p, char **arg)
{
    if (knock(p, "127.0.0.1", 0) < 0) {
        reply("ok refused");
        return;
    }
    send_some(p, "hi\n", 3);
    sees_end(p, arg);
}

/* --- verbs: crowds --- */

static struct peer *member(int i)
{
    char name[32];

    snprintf(name, sizeof name, "crowd%d", i);
    return find(name);
}

/* joins N, one after another, so that no backlog overflows */
static void crowd_joins(int n)
{
    for (int i = 0; i < n; i++)
        if (do_join(member(i), 0) < 0)
            return;
    reply("ok");
}

/* hears N BYTES FROM: each of them */
static void crowd_hears(int n, char **arg)
{
    for (int i = 0; i < n; i++)
        if (!hear_one(member(i), find(arg[2]), arg[1], 1))
            return;
    reply("ok");
}

/* greets N: one after another says "I am NAME" and hears that of herself */
static void crowd_greets(int n)
{
    char text[64];

    for (int i = 0; i < n; i++) {
        struct peer *p = member(i);
        struct hearing h = {.heard = &p->heard, .done = &p->done, .peer = p};
        int r;

        snprintf(text, sizeof text, "I am %s\n", p->name);
        send_some(p, text, strlen(text));
        add(&h.want.text, text, strlen(text));
        r = until(has_found, &h);
        forget(&h.want.text);
        if (r != 1) {
            fail(r == 0 ? "timeout" : why_closed(),
                 "%s said \"I am %s\" and heard no answer", p->name, p->name);
            return;
        }
    }
    reply("ok");
}

static void crowd_vanishes(int n)
{
    for (int i = 0; i < n; i++)
        hang_up(member(i));
    reply("ok");
}

/* comes-and-goes N: N times one joins and leaves */
static void crowd_comes_and_goes(int n)
{
    struct peer *p = member(0);
    int r;

    for (int i = 0; i < n; i++) {
        if (do_join(p, 0) < 0)
            return;
        shutdown(p->fd, SHUT_WR);
        r = until(has_left, p);
        hang_up(p);
        if (r != 1) {
            fail(r == 0 ? "timeout" : why_closed(),
                 "the log never said \"%s left\"", p->addr);
            return;
        }
    }
    reply("ok");
}

/* Knocks until the server accepts no more: N joined, the next N wait. */
static void crowd_fills(int n)
{
    for (int i = 0; i < n; i++)
        if (do_knock(member(i), 0) < 0)
            return;
    reply("ok");
}

/* One of a storm's people does something; dice says what, in a wild or an
 * orderly storm. Who has half-closed says no more, and reads to the end. */
static void act(struct peer *p, int wild, int orderly, int dice)
{
    if (p->fd >= 0 && p->ended)
        hang_up(p);
    if (p->fd < 0) {
        p->leaving = 0;
        knock(p, "127.0.0.1", 0);
    } else if (p->leaving && orderly) {
        pump(1, 0, -1);
    } else if (wild && dice == 0) {
        reset(p);
    } else if ((wild || orderly) && dice == 1) {
        shutdown(p->fd, SHUT_WR);
        p->leaving = 1;
    } else if (send(p->fd, "blah\n", 5, 0) < 0) {
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            hang_up(p);
    }
}

/* storms ROUNDS PEOPLE SEED KIND: many join and talk at once; if KIND is
 * "orderly" they leave, too; if it is "wild", they leave without reading to the
 * end, and crash. Bounded in rounds and in people. */
static void crowd_storms(int rounds, char **arg)
{
    int people = atoi(arg[1]);
    int wild = strcmp(arg[3], "wild") == 0;
    int orderly = strcmp(arg[3], "orderly") == 0;

    srand(atoi(arg[2]));
    for (int i = 0; i < rounds && server.child.alive; i++) {
        act(member(rand() % people), wild, orderly, rand() % 10);
        if (i % 8 == 0)
            pump(1, 0, -1);
    }
    pump(0, 0, -1);
    if (server.child.alive)
        reply("ok");
    else
        fail(why_closed(), "the server died in the storm (%s)",
             ending(&server));
}

static void crowd(const char *verb, char **arg)
{
    int n = atoi(arg[0]);

    if (strcmp(verb, "joins") == 0)
        crowd_joins(n);
    else if (strcmp(verb, "hears") == 0)
        crowd_hears(n, arg);
    else if (strcmp(verb, "greets") == 0)
        crowd_greets(n);
    else if (strcmp(verb, "vanishes") == 0)
        crowd_vanishes(n);
    else if (strcmp(verb, "comes-and-goes") == 0)
        crowd_comes_and_goes(n);
    else if (strcmp(verb, "fills") == 0)
        crowd_fills(n);
    else if (strcmp(verb, "storms") == 0)
        crowd_storms(n, arg);
    else
        fail("harness", "a crowd cannot \"%s\"", verb);
}

/* --- verbs: the host, who plays the server for the client under test --- */

/* listens [IP [PORT]] -> ok PORT */
static void host_listens(char **arg)
{
    const char *ip = arg[0] ? arg[0] : "127.0.0.1";
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    struct sockaddr_storage me;
    socklen_t len = sizeof me;
    int on = 1;
    char port[16];

    if (listening >= 0)
        close(listening);
    if (getaddrinfo(ip, arg[0] && arg[1] ? arg[1] : "0", &hints, &ai) != 0) {
        fail("harness", "cannot listen on %s", ip);
        return;
    }
    listening = socket(ai->ai_family, SOCK_STREAM, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listening < 0 || bind(listening, ai->ai_addr, ai->ai_addrlen) < 0
        || listen(listening, 8) < 0) {
        fail("unavailable", "cannot listen on %s: %s", ip, strerror(errno));
        freeaddrinfo(ai);
        return;
    }
    freeaddrinfo(ai);
    nonblocking(listening);
    getsockname(listening, (struct sockaddr *)&me, &len);
    getnameinfo((struct sockaddr *)&me, len, NULL, 0, port, sizeof port,
                NI_NUMERICSERV);
    reply("ok %s", port);
}

static int has_caller(void *arg)
{
    struct pollfd p = {listening, POLLIN, 0};

    (void)arg;
    if (poll(&p, 1, 0) == 1)
        return 1;
    for (int i = 0; i < nclients; i++)
        if (clients[i].child.alive)
            return 0;
    return -1;
}

/* accepts: the next caller is whom the host talks to */
static void host_accepts(struct peer *p)
{
    int r = until_every(10, has_caller, NULL), fd;

    if (r != 1) {
        fail(r == 0     ? "timeout"
             : nclients ? ending(&clients[0])
                        : "closed",
             "nobody connects");
        return;
    }
    fd = accept(listening, NULL, NULL);
    if (fd < 0) {
        fail("harness", "accept: %s", strerror(errno));
        return;
    }
    new_talk(p, fd);
    reply("ok");
}

/* disappears: closes the listener; the port is free, but remembered */
static void host_disappears(void)
{
    close(listening);
    listening = -1;
    reply("ok");
}

/* sees-farewell: end-of-stream, and not by a reset */
static void host_sees_farewell(struct peer *p, char **arg)
{
    until(is_over, p);
    if (p->ended && p->err != 0)
        fail("reset", "the connection ended with %s, not with end-of-stream",
             strerror(p->err));
    else
        sees_end(p, arg);
}

/* --- orders --- */

struct verb {
    const char *name;
    void (*do_it)(struct peer *p, char **arg);
};

static const struct verb verbs[] = {
    {"knocks", knocks},
    {"joins", joins},
    {"reaches", reaches},
    {"says", says},
    {"says-slowly", says_slowly},
    {"hears", hears},
    {"hears-at-last", hears_at_last},
    {"heard-time", heard_time},
    {"waits-a-second", waits_a_second},
    {"transcript", transcript},
    {"sees-end", sees_end},
    {"is-let-go", is_let_go},
    {"leaves", leaves},
    {"half-closes", half_closes},
    {"crashes", crashes},
    {"vanishes", vanishes},
    {"stops-reading", stops_reading},
    {"floods", floods},
    {"is-unserved", is_unserved},
    {"sees-farewell", host_sees_farewell},
};

struct server_verb {
    const char *name;
    void (*do_it)(char **arg);
};

static const struct server_verb server_verbs[] = {
    {"starts", server_starts},   {"refuses", server_refuses},
    {"lives", server_lives},     {"freezes", server_freezes},
    {"thaws", server_thaws},     {"gets", server_gets},
    {"threads", server_threads}, {"descriptors", server_descriptors},
};

/* What both programs under test can do; 0 when this is no such verb. */
static int prog_order(struct prog *g, const char *verb, char **arg)
{
    if (strcmp(verb, "types") == 0)
        type(g, arg[0]);
    else if (strcmp(verb, "closes-input") == 0)
        close_input(g);
    else if (strcmp(verb, "shows") == 0)
        shows(g, arg[0]);
    else if (strcmp(verb, "line") == 0)
        line(g);
    else if (strcmp(verb, "output") == 0)
        output(g);
    else if (strcmp(verb, "logs") == 0)
        prog_logs(g, arg[0]);
    else if (strcmp(verb, "rests") == 0)
        prog_rests(g);
    else if (strcmp(verb, "floods") == 0)
        flood(g, g->child.in, arg[0]);
    else if (strcmp(verb, "ends") == 0)
        prog_ends(g);
    else
        return 0;
    return 1;
}

static int server_order(const char *verb, char **arg)
{
    for (size_t i = 0; i < sizeof server_verbs / sizeof *server_verbs; i++)
        if (strcmp(server_verbs[i].name, verb) == 0) {
            server_verbs[i].do_it(arg);
            return 1;
        }
    return prog_order(&server, verb, arg);
}

static int client_order(struct prog *g, const char *verb, char **arg)
{
    if (strcmp(verb, "starts") != 0)
        return prog_order(g, verb, arg);
    if (launch(g, "PEER_CLIENT", arg) == 0)
        reply("ok");
    return 1;
}

static int person_order(const char *who, const char *verb, char **arg)
{
    if (strcmp(verb, "listens") == 0) {
        host_listens(arg);
        return 1;
    }
    if (strcmp(verb, "accepts") == 0) {
        host_accepts(find(who));
        return 1;
    }
    if (strcmp(verb, "disappears") == 0) {
        host_disappears();
        return 1;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, verb) == 0) {
            verbs[i].do_it(find(who), arg);
            return 1;
        }
    return 0;
}

/* deadline MS: for what follows */
static void set_deadline(const char *ms)
{
    deadline_ms = atoi(ms);
    reply("ok");
}

/* token WORD: from now on all answers begin with it */
static void set_token(const char *word)
{
    snprintf(token, sizeof token, "%s", word);
    reply("ok");
}

static void obey(char *order)
{
    char *arg[MAX_ARGS + 1] = {NULL};
    int n = 0, known = 1;

    while (order != NULL && n < MAX_ARGS) {
        arg[n++] = order;
        order = strchr(order, '\t');
        if (order != NULL)
            *order++ = '\0';
    }
    if (n < 2)
        known = 0;
    else if (strcmp(arg[0], "server") == 0)
        known = server_order(arg[1], arg + 2);
    else if (strncmp(arg[0], "client", 6) == 0)
        known = client_order(find_client(arg[0]), arg[1], arg + 2);
    else if (strcmp(arg[0], "deadline") == 0)
        set_deadline(arg[1]);
    else if (strcmp(arg[0], "token") == 0)
        set_token(arg[1]);
    else if (strcmp(arg[0], "clock") == 0)
        reply("ok %ld", now_ms() - born);
    else if (strcmp(arg[0], "crowd") == 0)
        crowd(arg[1], arg + 2);
    else
        known = person_order(arg[0], arg[1], arg + 2);
    if (!known)
        fail("harness", "nobody knows how to \"%s %s\"", arg[0],
             n > 1 ? arg[1] : "");
}

/* Obeys line by line until the orders end: then the test is over. */
static void obey_all(void)
{
    char *end;

    for (;;) {
        while (orders.p && (end = strchr(orders.p, '\n')) != NULL) {
            char *order = orders.p;
            size_t n = end + 1 - orders.p;

            *end = '\0';
            obey(order);
            memmove(orders.p, orders.p + n, orders.len - n + 1);
            orders.len -= n;
        }
        pump(-1, 1, -1);
        if (drain(0, &orders, LINE_SIZE) == 0)
            return;
    }
}

int main(int argc, char *argv[])
{
    struct rlimit files;

    if (argc != 2) {
        fprintf(stderr, "usage: peer FOLDER < orders\n");
        return 2;
    }
    folder = argv[1];
    born = now_ms();
    threads_before = threads_everywhere();
    snprintf(home, sizeof home, "%s/home", folder);
    if ((mkdir(home, 0777) < 0 && errno != EEXIST) || chmod(home, 0777) < 0) {
        perror(home);
        return 1;
    }
    if (getenv("PEER_DEADLINE"))
        deadline_ms = atoi(getenv("PEER_DEADLINE"));
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max > 4096 ? 4096 : files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (pipe(sigchld) < 0) {
        perror("peer");
        return 1;
    }
    nonblocking(sigchld[0]);
    nonblocking(sigchld[1]);
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN); /* the end of the orders is what ends us */
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, on_sigchld);
    guard_init();
    obey_all();
    guard_end(&server.child);
    for (int i = 0; i < nclients; i++)
        guard_end(&clients[i].child);
    guard_clean();
    return 0;
}
