/* One loop, one queue of counted messages, few words. rung.h says what a
 * message is, and who hears it. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include <arpa/inet.h>
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
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum style { STAMPED, PREFIXED, HASHED };
enum { FOREVER = 1 << 26 };
#include "rung.h"

enum {
    GULP = LINES ? 16384 : 1024,
    HOARD = LINES ? 16 * TOP : 1 << 20, /* of bytes that somebody lacks */
    FLUSH = 1 << 16 /* so much is said, and then everyone is served */
};

/* One message. The first of the list is freed when nobody is at it. */
struct msg {
    struct msg *next;
    unsigned long only; /* the one who hears it; 0: all */
    unsigned long nr;
    int readers; /* whose next one it is */
    size_t len;
    char text[];
};

struct conn {
    int fd, dead;
    unsigned long id;
    unsigned long upto; /* no message after this one is for it */
    char addr[24];
    struct msg *at; /* its next one, or NULL: it has had all */
    size_t off;
    char *part; /* of a line */
    size_t part_len, part_room;
};

static struct conn **conns;
static struct pollfd *pfds; /* three more than conns */
static size_t nconns, room_for;
static struct msg *oldest, *newest;
static size_t hoard, fresh;
static unsigned long next_id = 1, next_nr = 1;
static int lfd, sigpipe[2], console = 0, done;
static time_t shut; /* no accept() in this second */

static void put(int fd, const char *fmt, ...)
{
    char s[400];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(s, sizeof s, fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof s)
        n = sizeof s - 1;
    if (write(fd, s, n) < 0)
        return;
}

static void *need(void *p)
{
    if (p == NULL) {
        put(2, "no memory\n");
        exit(1);
    }
    return p;
}

/* --- messages --- */

static void sweep(void)
{
    while (oldest != NULL && oldest->readers == 0) {
        struct msg *m = oldest;

        oldest = m->next;
        if (oldest == NULL)
            newest = NULL;
        hoard -= m->len;
        free(m);
    }
}

static void set_at(struct conn *c, struct msg *m)
{
    if (c->at != NULL)
        c->at->readers--;
    c->at = m;
    c->off = 0;
    if (m != NULL)
        m->readers++;
}

static int mine(const struct conn *c)
{
    return c->at->only == 0 || c->at->only == c->id;
}

/* Sends what the socket takes. */
static void feed(struct conn *c)
{
    ssize_t n;

    while (c->at != NULL && !c->dead) {
        if (c->at->nr > c->upto) {
            set_at(c, NULL);
            return;
        }
        if (!mine(c) || c->off == c->at->len) {
            set_at(c, c->at->next);
            continue;
        }
        n = send(c->fd, c->at->text + c->off, c->at->len - c->off,
                 MSG_DONTWAIT);
        if (n >= 0)
            c->off += n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            return;
        else if (errno != EINTR)
            c->dead = 1;
    }
}

static void feed_all(void)
{
    for (size_t i = 0; i < nconns; i++)
        feed(conns[i]);
    sweep();
    fresh = 0;
}

static void let_the_last_go(void)
{
    for (size_t i = 0; i < nconns; i++) {
        struct conn *c = conns[i];

        if (c->at == NULL || c->at != oldest)
            continue;
        if (!c->dead)
            put(2, "%s too slow\n", c->addr);
        c->dead = 1;
        set_at(c, NULL);
    }
    sweep();
}

/* Until there is space, whoever is at the oldest goes. */
static void make_space(void)
{
    feed_all();
    while (hoard > HOARD)
        let_the_last_go();
}

static size_t head(char *s, size_t n, const struct conn *c)
{
    char t[32];
    time_t now = time(NULL);
    struct tm tm;

    if (head_style == HASHED)
        return 0;
    if (head_style == PREFIXED)
        return snprintf(s, n, "Your msg = ");
    strftime(t, sizeof t, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &tm));
    return snprintf(s, n, "[%s] %s ", t, c->addr);
}

static void add(const struct conn *from, const char *s, size_t n)
{
    char h[80];
    size_t hn = head(h, sizeof h, from), tail = head_style == HASHED ? 3 : 0;
    struct msg *m = need(malloc(sizeof *m + hn + n + tail));

    memcpy(m->text, h, hn);
    memcpy(m->text + hn, s, n);
    memcpy(m->text + hn + n, "###", tail);
    m->len = hn + n + tail;
    m->only = ROOM ? 0 : from->id;
    m->nr = next_nr++;
    m->next = NULL;
    m->readers = 0;
    if (newest != NULL)
        newest->next = m;
    else
        oldest = m;
    newest = m;
    hoard += m->len;
    fresh += m->len;
    for (size_t i = 0; i < nconns; i++)
        if (conns[i]->at == NULL && !conns[i]->dead && m->nr <= conns[i]->upto)
            set_at(conns[i], m);
    if (fresh > FLUSH || hoard > HOARD + FLUSH)
        make_space();
}

static int is_quit(const char *s, size_t n)
{
    if (!QUIT || n < 4 || memcmp(s, "quit", 4) != 0)
        return 0;
    return n == 4 || (n == 5 && s[4] == '\n')
           || (n == 6 && s[4] == '\r' && s[5] == '\n');
}

/* --- connections --- */

/* It says no more, and hears what was said so far. */
static void closing(struct conn *c)
{
    if (c->upto >= next_nr)
        c->upto = next_nr - 1;
}

static int talks(const struct conn *c)
{
    return !c->dead && c->upto >= next_nr;
}

static void keep(struct conn *c, const char *s, size_t n)
{
    if (c->part_len + n > c->part_room) {
        c->part_room = 2 * (c->part_len + n);
        c->part = need(realloc(c->part, c->part_room));
    }
    memcpy(c->part + c->part_len, s, n);
    c->part_len += n;
}

static void no_part(struct conn *c)
{
    free(c->part);
    c->part = NULL;
    c->part_len = c->part_room = 0;
}

static void line(struct conn *c, const char *s, size_t n)
{
    if (c->part_len + n > TOP) {
        put(2, "%s line too long\n", c->addr);
        no_part(c);
        closing(c);
        return;
    }
    keep(c, s, n);
    if (s[n - 1] != '\n')
        return;
    if (is_quit(c->part, c->part_len))
        closing(c);
    else
        add(c, c->part, c->part_len);
    no_part(c);
}

static void hear(struct conn *c, char *s, size_t n)
{
    if (!LINES) {
        if (is_quit(s, n))
            closing(c);
        else
            add(c, s, n);
        return;
    }
    while (n > 0 && talks(c)) {
        char *nl = memchr(s, '\n', n);
        size_t k = nl != NULL ? (size_t)(nl - s) + 1 : n;

        line(c, s, k);
        s += k;
        n -= k;
    }
    if (talks(c) && c->part_len >= TOP)
        line(c, "", 1);
}

static void receive(struct conn *c)
{
    static char buf[GULP];
    ssize_t n = recv(c->fd, buf, sizeof buf, MSG_DONTWAIT);

    if (n > 0) {
        hear(c, buf, n);
    } else if (n == 0) {
        if (c->part_len > 0 && head_style == HASHED)
            add(c, c->part, c->part_len);
        else if (c->part_len > 0)
            line(c, "\n", 1);
        closing(c);
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
        c->dead = 1;
    }
}

static void drop(size_t i)
{
    struct conn *c = conns[i];

    set_at(c, NULL);
    close(c->fd);
    put(2, "%s left\n", c->addr);
    no_part(c);
    free(c);
    conns[i] = conns[--nconns];
    shut = 0;
}

static int take(void)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    struct conn *c;
    int fd = accept(lfd, (struct sockaddr *)&a, &len), on = 1;

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
            || errno == ENOBUFS)
            shut = time(NULL);
        return 0;
    }
    if (nconns == room_for) {
        room_for = 2 * room_for + 16;
        conns = need(realloc(conns, room_for * sizeof *conns));
        pfds = need(realloc(pfds, (room_for + 3) * sizeof *pfds));
    }
    c = need(calloc(1, sizeof *c));
    c->fd = fd;
    c->id = next_id++;
    c->upto = -1UL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    snprintf(c->addr, sizeof c->addr, "%s:%d", inet_ntoa(a.sin_addr),
             ntohs(a.sin_port));
    conns[nconns++] = c;
    put(2, "%s joined\n", c->addr);
    return 1;
}

/* --- the console --- */

static void stop(void)
{
    put(2, "stopping\n");
    done = 1;
}

/* Nobody may read it. */
static void show(const char *before, const char *s, const char *after)
{
    struct pollfd p = {1, POLLOUT, 0};

    if (poll(&p, 1, 0) == 1 && p.revents == POLLOUT)
        put(1, "%s%s%s", before, s, after);
}

static void obey(const char *s)
{
    if (strcmp(s, "quit") == 0) {
        stop();
        return;
    }
    show(LINES ? "threads: " : "", "1", "\n");
    for (size_t i = 0; ROOM && i < nconns; i++)
        show("<recv ", conns[i]->addr, ">\n");
}

static void prompt(void)
{
    if (isatty(0))
        show(">>> ", "", "");
}

static void type(void)
{
    static char s[512];
    static size_t n;
    char buf[256];
    ssize_t got = read(console, buf, sizeof buf);

    if (got < 0 && errno == EINTR)
        return;
    for (ssize_t i = 0; i < got && !done; i++) {
        if (buf[i] != '\n' && n < sizeof s - 1) {
            s[n++] = buf[i];
            continue;
        }
        if (n > 0 && s[n - 1] == '\r')
            n--;
        s[n] = '\0';
        n = 0;
        obey(s);
        prompt();
    }
    if (got > 0)
        return;
    console = -1;
    s[n] = '\0';
    if (n > 0)
        obey(s);
}

static void on_signal(int sig)
{
    (void)sig;
    if (write(sigpipe[1], "!", 1) < 0)
        return;
}

/* --- start, and the loop --- */

static int fail(const char *what, const char *why)
{
    put(2, "%s: %s\n", what, why);
    return 1;
}

static int open_port(const char *host, const char *port)
{
    struct addrinfo want = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    struct sockaddr_in me;
    socklen_t len = sizeof me;
    char what[300], *end;
    long p = strtol(port, &end, 10);
    int on = 1, r;

    if (*port < '0' || *port > '9' || *end != '\0' || p > 65535)
        return fail(port, "no port");
    r = getaddrinfo(host, port, &want, &ai);
    if (r != 0)
        return fail(host, gai_strerror(r));
    snprintf(what, sizeof what, "%s port %ld", host, p);
    lfd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    r = bind(lfd, ai->ai_addr, ai->ai_addrlen) < 0
        || listen(lfd, SOMAXCONN) < 0;
    freeaddrinfo(ai);
    if (r)
        return fail(what, strerror(errno));
    getsockname(lfd, (struct sockaddr *)&me, &len);
    put(2, "listening on %s:%d\n", inet_ntoa(me.sin_addr), ntohs(me.sin_port));
    return 0;
}

/* Whoever still has something to hear is not heard. */
static void wait_for_work(void)
{
    int rest = shut != 0 && shut == time(NULL);

    for (size_t i = 0; i < nconns;) {
        struct conn *c = conns[i];

        if (c->dead || (c->at == NULL && !talks(c))) {
            drop(i);
            continue;
        }
        pfds[i].fd = c->fd;
        pfds[i].events = c->at != NULL ? POLLOUT : POLLIN;
        i++;
    }
    sweep();
    pfds[nconns] = (struct pollfd){rest ? -1 : lfd, POLLIN, 0};
    pfds[nconns + 1] = (struct pollfd){console, POLLIN, 0};
    pfds[nconns + 2] = (struct pollfd){sigpipe[0], POLLIN, 0};
    if (poll(pfds, nconns + 3, rest ? 1000 : -1) < 0)
        for (size_t i = 0; i < nconns + 3; i++)
            pfds[i].revents = 0;
}

static void turn(void)
{
    size_t n;

    wait_for_work();
    n = nconns;
    for (size_t i = 0; i < n; i++)
        if (pfds[i].revents != 0 && pfds[i].events == POLLIN)
            receive(conns[i]);
    if (pfds[n + 2].revents != 0)
        stop();
    if (pfds[n + 1].revents != 0 && !done)
        type();
    feed_all();
    if (pfds[n].revents != 0)
        while (take())
            ;
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = on_signal};
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;

    if (help || argc > 3 || (argc > 1 && *argv[1] == '-')) {
        put(help ? 1 : 2, "server [[HOST] PORT]\n");
        return help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (pipe(sigpipe) < 0)
        return fail("pipe", strerror(errno));
    if (LINES && ROOM) {
        sigaction(SIGINT, &sa, NULL);
        sigaction(SIGTERM, &sa, NULL);
    }
    pfds = need(calloc(3, sizeof *pfds));
    if (open_port(argc > 2 ? argv[1] : "localhost",
                  argc > 1 ? argv[argc - 1] : "9999")
        != 0)
        return 1;
    fcntl(lfd, F_SETFL, O_NONBLOCK);
    prompt();
    while (!done)
        turn();
    while (nconns > 0)
        drop(nconns - 1);
    sweep();
    free(conns);
    free(pfds);
    close(lfd);
    return 0;
}
