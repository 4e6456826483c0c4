/* v9 with io_uring(7), to be measured: all is asked for in one call. Wrong: it
 * spins for one who has half-closed and does not read, for io_uring tells of
 * POLLRDHUP whether one asked or not. */
#define _GNU_SOURCE /* which liburing.h wants */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
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
    EVENTS = 256,          /* how many one turn serves at most */
    RING_ENTRIES = 1024,   /* how many are asked for in one call */
    LINE_SIZE = 1 << 16,   /* the longest line, its newline included */

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
    int gone;       /* off the list: freed once its request is answered */
    int asking;     /* whether a request of it is open */
    short asked;    /* ... and for which events */
    struct client *next;
};

static int listener;
static int wake[2];              /* a pipe: a signal writes to it */
static int input = STDIN_FILENO; /* -1 once it has ended */
static int stopping;
static time_t full;   /* the second in which accept() failed last */
static int accepting; /* whether the listener is waited for */
static struct client *room;

/* A request to be told when a descriptor is ready is answered once; then it is
 * made again. It carries the address of listener, input, wake or the client. */
static struct io_uring queue;
static struct answer {
    void *what;
    int events;
} answers[EVENTS];

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

/* From now on nothing is due to c: await() will free it. */
static void let_go(struct client *c)
{
    c->last = 0;
}

static void dispose(struct client *c)
{
    close(c->fd);
    free(c->piece);
    free(c);
    full = 0; /* There is a descriptor for a newcomer. */
}

/* Off the list first: once its descriptor is closed, the next client may get
 * the same number, and would hear everything twice. If a request is open the
 * kernel holds on to the socket: shutdown() has it answered, and await() frees
 * c then. */
static void leave(struct client *c)
{
    struct client **p = &room;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    log_event(c->name, "left", "");
    c->gone = 1;
    if (c->asking)
        shutdown(c->fd, SHUT_RDWR);
    else
        dispose(c);
}

/* More requests than the ring holds go in as soon as it is full. */
static struct io_uring_sqe *request(void)
{
    struct io_uring_sqe *sqe;

    while ((sqe = io_uring_get_sqe(&queue)) == NULL)
        io_uring_submit(&queue);
    return sqe;
}

/* Asks to be told, once, when fd is ready. */
static void ask_for(int fd, short events, void *what)
{
    struct io_uring_sqe *sqe = request();

    io_uring_prep_poll_add(sqe, fd, events);
    io_uring_sqe_set_data(sqe, what);
}

/* Changes what c's open request is for. If it was answered just now, this
 * fails, and settle() makes the next one when we see the answer. */
static void ask_anew(struct client *c, short events)
{
    struct io_uring_sqe *sqe = request();

    io_uring_prep_poll_update(sqe, (uintptr_t)c, (uintptr_t)c, events,
                              IORING_POLL_UPDATE_EVENTS);
    io_uring_sqe_set_data(sqe, NULL);
}

/* Frees c if it has had all that is due to it, else asks for what it waits for.
 * We ask for POLLOUT only where something is due, and never for the words of
 * one who leaves: the answer would come at once, for ever. A client that
 * does not read may not speak. */
static void settle(struct client *c)
{
    short events = c->heard < said ? POLLOUT : POLLIN;

    if (c->heard >= c->last) {
        leave(c);
        return;
    }
    if (!c->asking)
        ask_for(c->fd, events, c);
    else if (events != c->asked)
        ask_anew(c, events);
    c->asking = 1;
    c->asked = events;
}

/* Still wrong: a newcomer hears nothing of what was said before; and all must
 * join this one process. */
static void join(struct client *c)
{
    c->heard = said;
    c->last = UINT64_MAX;
    c->next = room;
    room = c;
    settle(c);
}

/* Adds n bytes to the log. */
static void append(const char *buf, size_t n)
{
    while (n-- > 0)
        ring[said++ % RING_SIZE] = *buf++;
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

/* Says each whole line of the n bytes in buf, and moves what is left, a piece
 * without its end, to the front. Returns its length, or -1 if c is to go: it
 * has said quit, or has been let go, and says no more. */
static ssize_t broadcast(struct client *c, char *buf, size_t n)
{
    char when[TIME_SIZE], head[HEAD_SIZE], *line = buf, *end;
    size_t len, head_len;
    ssize_t left = n;

    head_len = snprintf(head, HEAD_SIZE, "[%s] %s ", now(when), c->name);
    while ((end = memchr(line, '\n', left)) != NULL) {
        len = end + 1 - line;
        if (is_quit(line, len) || c->last == 0) {
            left = -1;
            break;
        }
        make_room(head_len + len);
        append(head, head_len);
        append(line, len);
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

/* All that was said so far is due to c, and no more: await() will free it. */
static void hear_out(struct client *c)
{
    if (c->last > said)
        c->last = said;
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

static void settle_all(void)
{
    struct client *next;

    for (struct client *c = room; c != NULL; c = next) {
        next = c->next;
        settle(c);
    }
}

static int is_client(const void *what)
{
    return what != &listener && what != &input && what != wake;
}

/* Notes an answer; returns 0 if nobody is there who wants to know. */
static int take(const struct io_uring_cqe *cqe, struct answer *a)
{
    struct client *c = io_uring_cqe_get_data(cqe);

    a->what = c;
    a->events = cqe->res; /* below 0, an error: then recv() says which */
    if (c == NULL || !is_client(c))
        return c != NULL; /* NULL: the answer to ask_anew() */
    c->asking = 0;
    if (!c->gone)
        return 1;
    dispose(c);
    return 0;
}

/* Waits for anything to do; returns how many answers there are. While there is
 * no descriptor for a newcomer the listener is not waited for. */
static int await(void)
{
    struct __kernel_timespec second = {1, 0};
    int rest = full == time(NULL), n = 0;
    unsigned head, seen = 0;
    struct io_uring_cqe *cqe;

    if (!rest && !accepting) {
        ask_for(listener, POLLIN, &listener);
        accepting = 1;
    }
    io_uring_submit_and_wait_timeout(&queue, &cqe, 1, rest ? &second : NULL,
                                     NULL);
    io_uring_for_each_cqe(&queue, head, cqe)
    {
        if (n == EVENTS)
            break;
        seen++;
        n += take(cqe, &answers[n]);
    }
    io_uring_cq_advance(&queue, seen);
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

static void serve_other(const void *what)
{
    if (what == &listener) {
        accept_loop();
        accepting = 0;
    }
    if (what == &input) {
        console();
        if (input >= 0)
            ask_for(input, POLLIN, &input);
    }
    if (what == wake)
        stop();
}

/* All who have something to say are heard first; then each is sent all of it
 * at once. If nothing was said, nobody but those in events is looked at:
 * whatever the number of those who are silent. */
static void turn(void)
{
    static uint64_t settled; /* how long the log was when all were looked at */
    int n = await();
    struct client *c;

    for (int i = 0; i < n; i++) {
        c = answers[i].what;
        if (is_client(c) && answers[i].events != POLLOUT
            && c->last == UINT64_MAX)
            serve(c);
    }
    if (said != settled) {
        deliver_all();
        settle_all();
    }
    for (int i = 0; i < n; i++) {
        c = answers[i].what;
        if (!is_client(c)) {
            serve_other(c);
        } else if (said == settled) {
            deliver(c);
            settle(c);
        }
    }
    settled = said;
}

static void begin(void)
{
    int err = io_uring_queue_init(RING_ENTRIES, &queue, 0);

    if (err < 0)
        die("io_uring_queue_init", strerror(-err));
    ask_for(wake[0], POLLIN, wake);
    ask_for(input, POLLIN, &input);
    prompt();
}

/* What is left when all is over: no request is open any more. */
static void end(void)
{
    io_uring_queue_exit(&queue);
    for (struct client *c = room; c != NULL; c = c->next)
        c->asking = 0;
    while (room != NULL)
        leave(room);
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;
    struct sigaction quit = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: server [PORT] | server HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    if (pipe(wake) < 0)
        die("pipe", strerror(errno));
    sigaction(SIGINT, &quit, NULL);
    sigaction(SIGTERM, &quit, NULL);
    listener = listen_on(host, port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() never blocks */
    begin();
    while (!stopping)
        turn();
    end();
    close(listener);
    close(wake[0]);
    close(wake[1]);
    return 0;
}
