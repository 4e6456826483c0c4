/* v10_pubsub: many servers, one room: all that is said goes through redis. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* or macOS hides MSG_DONTWAIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_SIZE = 1 << 20,   /* how much of the log we keep */
    BURST = RING_SIZE / 8, /* how much may be said between two rounds */
    FD_LIMIT = 1 << 16,    /* we serve descriptors below this one */
    LINE_SIZE = 1 << 16,   /* the longest line, its newline included */

    PENDING_MAX = RING_SIZE / 2, /* of what we published and is not back yet */
    PATIENCE = 5000,             /* ms for the broker to answer */
    DELAY_MIN = 1000,            /* ms from a lost broker to the next attempt */
    DELAY_MAX = 30000,           /* and from attempt to attempt, at last */
    LINGER = 2000,               /* ms to wait for a leaver's last words */
    WHY_SIZE = 128,              /* why the broker is lost */

    MSG_SIZE = 1024, /* a line of the console */
    HEAD_SIZE = 64,  /* what we put before a message */
    NAME_SIZE = 24,  /* "255.255.255.255:65535" */
    TIME_SIZE = 20,  /* "2026-11-23 06:44:56" */
    WHERE_SIZE = 300 /* "HOST:PORT" as typed, cut when longer */
};

struct client {
    int fd;
    char name[NAME_SIZE];
    uint64_t heard; /* how much of the log has been sent to it */
    uint64_t last;  /* how much is due to it: all, until it leaves */
    char *piece;    /* of a line that has no end yet, or NULL */
    size_t len;     /* how long it is */
    uint64_t place; /* where its last words are in what we published */
    int64_t until;  /* it has left, and goes at this time; or 0 */
    struct client *next;
};

/* A connection to the broker. There are two, because redis lets us publish
 * nothing on one that has subscribed. */
struct link {
    redisAsyncContext *ac; /* hiredis frees it, and calls gone(); or NULL */
    short events;          /* what hiredis waits for */
    int heard;             /* since we last asked */
};
enum { SUB, PUB };

static int listener = -1;
static int wake[2];              /* a pipe: a signal writes to it */
static int input = STDIN_FILENO; /* -1 once it has ended */
static int stopping;
static time_t full; /* the second in which accept() failed last */
static struct client *room;

static const char *room_name = "room";
static const char *broker = "127.0.0.1:6379";
static struct sockaddr_in broker_addr;
static char inbox[WHERE_SIZE]; /* a channel for what we tell ourselves */
static struct link links[2];
static int dialled;           /* the links are open, or opening */
static int linked;            /* what we publish comes back to us */
static int met;               /* we have been linked before */
static int delay = DELAY_MIN; /* the next one, when the broker is lost */
static int64_t due;           /* when to dial, or to ask for an answer again */
static char cause[WHY_SIZE];  /* why a link has gone */
static uint64_t published;    /* how many bytes, in all */
static uint64_t pending;      /* how much of it is not back yet */

/* What poll() waits for: these, then the room, in its order. */
enum { SIGNALS, CONSOLE, LISTENER, LINKS, CLIENTS = LINKS + 2 };
static struct pollfd fds[FD_LIMIT];

/* Everything said goes into one log. Its byte i is ring[i % RING_SIZE], until
 * RING_SIZE more bytes have been said. A round sends each client what it has
 * not had. A client that still lacks some has a full socket; if it lacks more
 * than RING_SIZE - BURST bytes, it is let go. At most BURST bytes are said
 * before the next round, so nothing that a client lacks is ever overwritten. */
static char ring[RING_SIZE];
static uint64_t said;    /* how long the log is */
static uint64_t offered; /* how long it was at the last round */

/* Writes the local time into buf, which has TIME_SIZE bytes; returns buf. */
static char *now(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
    return buf;
}

/* Milliseconds, of a clock that nobody sets. */
static int64_t millis(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One event, one line, one call: lines of two threads never mix. */
static void log_event(const char *thread, const char *what, const char *why)
{
    char when[TIME_SIZE];

    fprintf(stderr, "%s %s %s%s\n", now(when), thread, what, why);
}

/* For what we cannot start or go on without; never for a client's failure. */
static void die(const char *what, const char *why)
{
    fprintf(stderr, "server: %s: %s\n", what, why);
    exit(1);
}

/* Writes "IP:PORT" into name, which has NAME_SIZE bytes. */
static void name_of(const struct sockaddr_in *addr, char *name)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &addr->sin_addr, ip, sizeof ip);
    snprintf(name, NAME_SIZE, "%s:%d", ip, ntohs(addr->sin_port));
}

static int is_quit(const char *msg, size_t n)
{
    return (n == 4 && memcmp(msg, "quit", 4) == 0)
           || (n == 5 && memcmp(msg, "quit\n", 5) == 0)
           || (n == 6 && memcmp(msg, "quit\r\n", 6) == 0);
}

/* Still wrong: a newcomer hears nothing of what was said before. */
static void join(struct client *c)
{
    c->heard = said;
    c->last = UINT64_MAX;
    c->next = room;
    room = c;
}

/* Frees c. Off the list first: once its descriptor is closed, the next client
 * may get the same number, and would hear everything twice. */
static void leave(struct client *c)
{
    struct client **p = &room;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    close(c->fd);
    log_event(c->name, "left", "");
    free(c->piece);
    free(c);
    full = 0; /* There is a descriptor for a newcomer. */
}

/* Adds n bytes to the log. */
static void append(const char *buf, size_t n)
{
    while (n-- > 0)
        ring[said++ % RING_SIZE] = *buf++;
}

/* From now on nothing is due to c: await() will free it. */
static void let_go(struct client *c)
{
    c->last = 0;
}

/* Sends c what is due to it, until its socket is full. MSG_DONTWAIT, which
 * keeps send() from waiting then, is not in POSIX.1-2008, but Linux, macOS
 * and the BSDs have it. */
static void deliver(struct client *c)
{
    uint64_t end = c->last < said ? c->last : said;

    while (c->heard < end) {
        size_t at = c->heard % RING_SIZE, n = end - c->heard;
        ssize_t sent;

        if (n > RING_SIZE - at)
            n = RING_SIZE - at; /* The rest is at the ring's beginning. */
        sent = send(c->fd, ring + at, n, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            let_go(c);
        if (sent < 0)
            return;
        c->heard += sent;
    }
}

/* One round, which waits for nobody. */
static void deliver_all(void)
{
    for (struct client *c = room; c != NULL; c = c->next) {
        deliver(c);
        if (c->heard < c->last && said - c->heard > RING_SIZE - BURST) {
            log_event(c->name, "too slow", "");
            let_go(c);
        }
    }
    offered = said;
}

/* Makes a round first, if n more bytes would be too many. */
static void make_room(size_t n)
{
    if (said + n - offered > BURST)
        deliver_all();
}

/* Says the n bytes in buf to our part of the room. */
static void say(const char *buf, size_t n)
{
    if (n > HEAD_SIZE + LINE_SIZE)
        return; /* No server has published that, and the ring is small. */
    make_room(n);
    append(buf, n);
}

/* Hooks for hiredis: it tells us what poll() is to wait for. */
static void add_read(void *arg)
{
    ((struct link *)arg)->events |= POLLIN;
}

static void del_read(void *arg)
{
    ((struct link *)arg)->events &= ~POLLIN;
}

static void add_write(void *arg)
{
    ((struct link *)arg)->events |= POLLOUT;
}

static void del_write(void *arg)
{
    ((struct link *)arg)->events &= ~POLLOUT;
}

/* The last hook: hiredis is about to free the connection. */
static void gone(void *arg)
{
    struct link *l = arg;

    if (l->ac != NULL)
        snprintf(cause, sizeof cause, "%s", l->ac->c.errstr);
    l->ac = NULL;
    l->events = 0;
}

/* The broker has published something; or, if reply is NULL, the link is going.
 */
static void on_reply(redisAsyncContext *ac, void *reply, void *arg)
{
    redisReply *r = reply;

    (void)ac;
    (void)arg;
    if (r == NULL)
        return;
    links[PUB].heard = 1;
    if (r->type == REDIS_REPLY_ERROR)
        log_event("main", "the broker refuses: ", r->str);
}

/* Publishes head and line as one message on a channel. */
static void post(const char *channel, const char *head, const char *line,
                 size_t len)
{
    if (links[PUB].ac != NULL)
        redisAsyncCommand(links[PUB].ac, on_reply, NULL, "PUBLISH %s %s%b",
                          channel, head, line, len);
}

/* Sends ourselves a number through the broker: how much we have published. Once
 * the number is back, so is all of that. */
static void ask(void)
{
    char number[NAME_SIZE];

    snprintf(number, sizeof number, "%llu", (unsigned long long)published);
    post(inbox, number, "", 0);
}

/* Such a number is back. */
static void on_answer(uint64_t number)
{
    if (published - number < pending)
        pending = published - number;
    if (linked)
        return;
    if (met)
        log_event("main", "found the broker again at ", broker);
    linked = met = 1;
    delay = DELAY_MIN;
}

/* Sends a line of c's through the broker to everyone; it comes back to us, too.
 * Still wrong: while there is no broker, the line is lost. Not even our own
 * clients hear it, since nobody puts it in one order with the others. */
static void publish(struct client *c, const char *head, const char *line,
                    size_t len)
{
    size_t n = strlen(head) + len;

    if (!linked)
        return;
    post(room_name, head, line, len);
    pending += n;
    published += n;
    c->place = published;
    if (published / BURST > (published - n) / BURST)
        ask();
}

/* Something has come on a channel; or, if reply is NULL, the link is going. */
static void on_message(redisAsyncContext *ac, void *reply, void *arg)
{
    redisReply *r = reply, *what;

    (void)ac;
    (void)arg;
    if (r == NULL || r->type != REDIS_REPLY_ARRAY || r->elements != 3)
        return;
    links[SUB].heard = 1;
    what = r->element[2];
    if (what->type == REDIS_REPLY_INTEGER && what->integer == 2)
        ask(); /* We have subscribed to both channels: do they work? */
    else if (what->type != REDIS_REPLY_STRING)
        return;
    else if (strcmp(r->element[1]->str, inbox) == 0)
        on_answer(strtoull(what->str, NULL, 10));
    else
        say(what->str, what->len);
}

/* Connects l, which takes a while: poll() will tell. */
static void open_link(struct link *l)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &broker_addr.sin_addr, ip, sizeof ip);
    l->ac = redisAsyncConnect(ip, ntohs(broker_addr.sin_port));
    l->heard = 0;
    if (l->ac == NULL) {
        snprintf(cause, sizeof cause, "%s", strerror(ENOMEM));
        return;
    }
    l->ac->ev.data = l;
    l->ac->ev.addRead = add_read;
    l->ac->ev.delRead = del_read;
    l->ac->ev.addWrite = add_write;
    l->ac->ev.delWrite = del_write;
    l->ac->ev.cleanup = gone;
    if (l->ac->err != 0)
        redisAsyncFree(l->ac);
}

static void close_broker(void)
{
    for (int i = 0; i < 2; i++)
        if (links[i].ac != NULL)
            redisAsyncFree(links[i].ac);
}

/* Gives the broker up until the next attempt; dies, if we never had one. */
static void lose(const char *why)
{
    char text[WHERE_SIZE + WHY_SIZE];

    if (!met)
        die(broker, why);
    snprintf(text, sizeof text, "%s: %s", broker, why);
    if (linked)
        log_event("main", "lost the broker at ", text);
    close_broker();
    dialled = linked = 0;
    pending = 0;
    due = millis() + delay;
    delay = 2 * delay > DELAY_MAX ? DELAY_MAX : 2 * delay;
}

static void dial(void)
{
    open_link(&links[SUB]);
    open_link(&links[PUB]);
    dialled = 1;
    if (links[SUB].ac != NULL)
        redisAsyncCommand(links[SUB].ac, on_message, NULL, "SUBSCRIBE %s %s",
                          room_name, inbox);
    due = millis() + PATIENCE;
}

/* Looks after the broker: dials when it is time, and asks whether it is alive.
 * One that hangs behind an open connection is found out only in this way, for
 * TCP would wait for many minutes. */
static void tend(void)
{
    if (dialled && (links[SUB].ac == NULL || links[PUB].ac == NULL)) {
        lose(cause);
    } else if (millis() < due) {
        return;
    } else if (!dialled) {
        dial();
    } else if (!linked || !links[SUB].heard || !links[PUB].heard) {
        lose("no answer");
    } else {
        links[SUB].heard = links[PUB].heard = 0;
        ask();
        due = millis() + PATIENCE;
    }
}

/* Has poll() wait for what hiredis waits for. Returns for how long at most: the
 * clock is looked at once a second. */
static int watch_broker(void)
{
    for (int i = 0; i < 2; i++) {
        int fd = links[i].ac != NULL ? links[i].ac->c.fd : -1;

        fds[LINKS + i] = (struct pollfd){fd, links[i].events, 0};
    }
    return 1000;
}

/* Lets hiredis do what poll() has found that it can. */
static void serve_broker(void)
{
    for (int i = 0; i < 2; i++) {
        struct link *l = &links[i];
        short found = fds[LINKS + i].revents;

        if (l->ac != NULL && (found & (POLLIN | POLLHUP | POLLERR)) != 0)
            redisAsyncHandleRead(l->ac);
        if (l->ac != NULL && (found & POLLOUT) != 0)
            redisAsyncHandleWrite(l->ac);
    }
}

/* Says each whole line of the n bytes in buf, and moves what is left, a piece
 * without its end, to the front. Returns its length, or -1 if c is to go: it
 * has said quit, or has been let go, and says no more. */
static ssize_t broadcast(struct client *c, char *buf, size_t n)
{
    char when[TIME_SIZE], head[HEAD_SIZE], *line = buf, *end;
    size_t len;
    ssize_t left = n;

    snprintf(head, HEAD_SIZE, "[%s] %s ", now(when), c->name);
    while ((end = memchr(line, '\n', left)) != NULL) {
        len = end + 1 - line;
        if (is_quit(line, len) || c->last == 0) {
            left = -1;
            break;
        }
        publish(c, head, line, len);
        line += len;
        left -= len;
    }
    if (left > 0)
        memmove(buf, line, left);
    return left;
}

/* Shows something on the console, unless that would block: when nobody reads
 * our stdout, it is lost, and the room goes on. */
static void print(const char *what, const char *end)
{
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};

    if (poll(&out, 1, 0) == 1 && out.revents == POLLOUT)
        dprintf(STDOUT_FILENO, "%s%s", what, end);
}

static void list_room(void)
{
    for (struct client *c = room; c != NULL; c = c->next)
        print(c->name, "\n");
}

/* Takes the n bytes that recv() has put behind a piece of len bytes in buf.
 * Returns the length of the piece that is left, or -1 if c is to go. */
static ssize_t hear(struct client *c, char *buf, size_t len, ssize_t n)
{
    ssize_t left;

    if (n < 0) {
        log_event(c->name, "recv: ", strerror(errno));
        return -1;
    }
    if (n == 0 && len > 0)
        buf[len++] = '\n'; /* It leaves in good order: the piece is a line. */
    left = broadcast(c, buf, len + n);
    if (left == LINE_SIZE) {
        log_event(c->name, "line too long", "");
        return -1;
    }
    return n > 0 ? left : -1;
}

/* Whether all that c has said is back from the broker. */
static int is_back(const struct client *c)
{
    return c->place <= published - pending;
}

/* All that was said so far is due to c, and its own last words, which are still
 * on their way, and no more: await() will free it. */
static void hear_out(struct client *c)
{
    if (linked && !is_back(c)) {
        c->until = millis() + LINGER;
        ask();
    } else if (c->last > said) {
        c->last = said;
    }
}

/* Whether we listen to c. Not once it has left; and to nobody while the broker
 * is behind, or what waits for it would fill our memory. */
static int may_speak(const struct client *c)
{
    int behind = linked && pending >= PENDING_MAX;

    return c->last > said && c->until == 0 && !behind;
}

/* Whether c has left, and has heard its last words, or waited long enough. */
static int may_go(const struct client *c)
{
    return c->until != 0 && (is_back(c) || millis() >= c->until);
}

/* Keeps a piece of n bytes until the rest comes; -1 if there is no memory. */
static int keep(struct client *c, const char *piece, size_t n)
{
    free(c->piece);
    c->piece = NULL;
    c->len = n;
    if (n == 0)
        return 0;
    c->piece = malloc(n);
    if (c->piece == NULL) {
        log_event(c->name, "malloc: ", strerror(errno));
        return -1;
    }
    memcpy(c->piece, piece, n);
    return 0;
}

/* Takes what c has to say now. A thread kept the piece on its stack until the
 * next recv(); here all share one buffer, and c must keep it. */
static void serve(struct client *c)
{
    static char buf[LINE_SIZE];
    ssize_t n, len;

    if (c->len > 0)
        memcpy(buf, c->piece, c->len);
    n = recv(c->fd, buf + c->len, sizeof buf - c->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    len = hear(c, buf, c->len, n);
    if (len < 0 || keep(c, buf, len) < 0)
        hear_out(c);
}

/* Frees those that have left and had their due; then waits for something to do.
 * If we asked for POLLOUT when nothing is due, or for POLLIN after the end of
 * a stream, poll() would return at once, again and again. A client that
 * does not read may not speak. Returns how many fds are in use. */
static nfds_t await(void)
{
    nfds_t n = CLIENTS;
    struct client *next;
    int rest;

    for (struct client *c = room; c != NULL; c = next) {
        next = c->next;
        if (c->last > said && may_go(c))
            c->last = said;
        if (c->heard >= c->last)
            leave(c);
        else if (c->heard < said)
            fds[n++] = (struct pollfd){c->fd, POLLOUT, 0};
        else
            fds[n++] = (struct pollfd){may_speak(c) ? c->fd : -1, POLLIN, 0};
    }
    rest = full == time(NULL);
    fds[SIGNALS] = (struct pollfd){wake[0], POLLIN, 0};
    fds[CONSOLE] = (struct pollfd){input, POLLIN, 0};
    fds[LISTENER] = (struct pollfd){rest ? -1 : listener, POLLIN, 0};
    poll(fds, n, watch_broker());
    return n;
}

/* Returns the next client, or NULL if there is none. One that came and went
 * is no error; when descriptors or memory run out we rest for a second: the
 * newcomer waits in the queue, and the room goes on. */
static struct client *accept_client(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    struct client *c = calloc(1, sizeof *c);
    int on = 1;

    if (c != NULL)
        c->fd = accept(listener, (struct sockaddr *)&addr, &len);
    if (c != NULL && c->fd >= FD_LIMIT) {
        close(c->fd);
        c->fd = -1;
        errno = EMFILE;
    }
    if (c == NULL || c->fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            log_event("accept", "accept: ", strerror(errno));
            full = time(NULL);
        }
        free(c);
        return NULL;
    }
    fcntl(c->fd, F_SETFL, 0); /* BSD hands the listener's O_NONBLOCK on. */
    /* Or TCP holds small pieces back, to gather them, until it hears from the
     * reader, and that may take 40 ms. We have gathered them already. */
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    name_of(&addr, c->name);
    return c;
}

static void accept_loop(void)
{
    struct client *c;

    while ((c = accept_client()) != NULL) {
        log_event(c->name, "joined", "");
        join(c);
    }
}

/* strtol(3), because getaddrinfo(3) takes 99999 and http. */
static int is_port(const char *s)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0')
        return 0;
    return strtol(s, NULL, 10) <= 65535;
}

/* Returns the port of the broker, or dies and says why. */
static const char *broker_port(void)
{
    const char *colon = strrchr(broker, ':');

    if (colon == NULL)
        die(broker, "a broker is HOST:PORT");
    if (!is_port(colon + 1))
        die(broker, "a port is a number from 0 to 65535");
    return colon + 1;
}

/* Finds the broker, or dies and says why. Its name is looked up only once, for
 * the room would stand still meanwhile: a broker that moves is lost. */
static void open_broker(void)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    const char *port = broker_port();
    char host[WHERE_SIZE], self[WHERE_SIZE / 2] = "";
    int err;

    snprintf(host, sizeof host, "%.*s", (int)(port - 1 - broker), broker);
    err = getaddrinfo(host, port, &hints, &ai);
    if (err != 0)
        die(broker, gai_strerror(err));
    memcpy(&broker_addr, ai->ai_addr, sizeof broker_addr);
    freeaddrinfo(ai);
    gethostname(self, sizeof self - 1);
    snprintf(inbox, sizeof inbox, "inbox.%s.%ld", self, (long)getpid());
}

/* Returns a socket that listens on host:port, or dies and says why. */
static int listen_on(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    char where[WHERE_SIZE], name[NAME_SIZE];
    int fd, err, on = 1;

    snprintf(where, sizeof where, "%s:%s", host, port);
    if (!is_port(port))
        die(where, "a port is a number from 0 to 65535");
    err = getaddrinfo(host, port, &hints, &ai);
    if (err != 0)
        die(where, gai_strerror(err));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0
        || listen(fd, SOMAXCONN) < 0)
        die(where, strerror(errno));
    freeaddrinfo(ai);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    name_of(&addr, name);
    log_event("main", "listening on ", name);
    return fd;
}

static void stop(void)
{
    stopping = 1;
    log_event("main", "stopping", "");
}

/* SIGINT and SIGTERM end the server as quit does: await() sees the byte. */
static void on_signal(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(wake[1], "", 1) < 0)
        errno = saved;
}

static void prompt(void)
{
    if (isatty(STDIN_FILENO))
        print(">>> ", "");
}

/* Takes one byte, and obeys the line once it is whole. Not with stdio, which
 * may fetch two lines and hand out one: poll() does not know of the other.
 * When the input ends, we serve on without it. */
static void console(void)
{
    static char line[MSG_SIZE]; /* A longer line counts as several. */
    static size_t len;
    ssize_t n = read(input, line + len, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        input = -1;
    else if (line[len++] != '\n' && len < sizeof line - 1)
        return;
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strcmp(line, "quit") == 0) {
        stop();
    } else if (len > 0) {
        print("threads: 1", "\n");
        list_room();
        prompt();
    }
    len = 0;
}

/* Hears all that have something to say, and those that speak up meanwhile; then
 * sends it all to each at once. Nobody joins or leaves until then, so fds is
 * still in the room's order. */
static void turn(void)
{
    nfds_t n;
    int more = 3;

    tend();
    n = await();
    do {
        struct pollfd *p = fds + CLIENTS;

        serve_broker();
        for (struct client *c = room; c != NULL; c = c->next, p++)
            if (p->events == POLLIN && p->revents != 0 && may_speak(c))
                serve(c);
    } while (more-- > 0 && poll(fds, n, 0) > 0);
    deliver_all();
    if (fds[LISTENER].revents != 0)
        accept_loop();
    if (fds[CONSOLE].revents != 0)
        console();
    if (fds[SIGNALS].revents != 0)
        stop();
}

static void usage(int help)
{
    fprintf(help ? stdout : stderr,
            "usage: server [-b BROKER] [-r ROOM] [[HOST] PORT]\n"
            "(localhost and 9999, 127.0.0.1:6379 and room when left out)\n");
    exit(help ? 0 : 2);
}

/* Leaves in optind where the host and the port are. */
static void options(int argc, char *argv[])
{
    int option;

    opterr = 0; /* What getopt() would say, usage() says. */
    while ((option = getopt(argc, argv, "hb:r:")) != -1) {
        if (option == 'b')
            broker = optarg;
        else if (option == 'r')
            room_name = optarg;
        else
            usage(option == 'h');
    }
    if (argc - optind > 2)
        usage(0);
}

int main(int argc, char *argv[])
{
    const char *host, *port;
    struct sigaction quit = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    options(argc, argv);
    host = argc - optind > 1 ? argv[optind] : "localhost";
    port = argc > optind ? argv[argc - 1] : "9999";
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    if (pipe(wake) < 0)
        die("pipe", strerror(errno));
    sigaction(SIGINT, &quit, NULL);
    sigaction(SIGTERM, &quit, NULL);
    open_broker();
    while (!linked && !stopping)
        turn(); /* Nobody can join before we hear the other servers. */
    if (!stopping)
        listener = listen_on(host, port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() never blocks */
    prompt();
    while (!stopping)
        turn();
    while (room != NULL)
        leave(room);
    close_broker();
    close(listener);
    close(wake[0]);
    close(wake[1]);
    return 0;
}
