/* v8_lines: a line is a message, in however many pieces it comes. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* or macOS hides MSG_DONTWAIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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

    MSG_SIZE = 1024, /* a line of the console */
    HEAD_SIZE = 64,  /* what we put before a message */
    NAME_SIZE = 24,  /* "255.255.255.255:65535" */
    TIME_SIZE = 20,  /* "2026-11-23 06:44:56" */
    WHERE_SIZE = 300 /* "HOST:PORT" as typed, cut when longer */
};

/* Owned by one thread: the client's own, or the accept thread until that one
 * runs. Only the owner frees it, in leave(), off the list first. The others
 * come to it through room, with the lock held: so what is on the list stays
 * open for as long as they hold it. */
struct client {
    int fd;
    char name[NAME_SIZE];
    uint64_t heard; /* how much of the log has been sent to it */
    uint64_t last;  /* how much is due to it: all, until it leaves */
    struct client *next;
};

static int listener;
static int wake[2]; /* a pipe: closing wake[1] wakes all that poll */
static int bell[2]; /* a pipe: a byte in it wakes the postman */
static atomic_bool stopping;
static atomic_int threads = 1; /* main is one */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static struct client *room;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER; /* a thread has */
static pthread_cond_t round_over = PTHREAD_COND_INITIALIZER;

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

static void join(struct client *c)
{
    pthread_mutex_lock(&lock);
    c->heard = said;
    c->last = UINT64_MAX;
    c->next = room;
    room = c;
    pthread_mutex_unlock(&lock);
}

/* Frees c. Off the list first: once its descriptor is closed, the next client
 * may get the same number, and would hear everything twice. */
static void leave(struct client *c)
{
    struct client **p = &room;

    pthread_mutex_lock(&lock);
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    pthread_mutex_unlock(&lock);
    close(c->fd);
    log_event(c->name, "left", "");
    free(c);
}

/* Adds n bytes to the log. */
static void append(const char *buf, size_t n)
{
    while (n-- > 0)
        ring[said++ % RING_SIZE] = *buf++;
}

/* From now on nothing is due to c, and its own thread sees it leave. */
static void let_go(struct client *c)
{
    c->last = 0;
    shutdown(c->fd, SHUT_RDWR);
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

/* Returns when c may say n bytes more. It waits for the postman's round, and
 * never for another reader; but a client that does not read may not speak.
 * The first to speak after a round wakes the postman. */
static void make_room(struct client *c, size_t n)
{
    while ((said + n - offered > BURST && !stopping)
           || (c->heard < offered && c->last > 0))
        pthread_cond_wait(&round_over, &lock);
    if (said == offered && write(bell[1], "", 1) < 0)
        log_event("main", "write: ", strerror(errno));
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
    pthread_mutex_lock(&lock);
    while ((end = memchr(line, '\n', left)) != NULL) {
        len = end + 1 - line;
        if (is_quit(line, len) || c->last == 0) {
            left = -1;
            break;
        }
        make_room(c, head_len + len);
        append(head, head_len);
        append(line, len);
        line += len;
        left -= len;
    }
    pthread_mutex_unlock(&lock);
    if (left > 0)
        memmove(buf, line, left);
    return left;
}

/* The names are copied first: if nobody reads our stdout, the room goes on. */
static void list_room(void)
{
    char *names;
    size_t n;
    FILE *copy = open_memstream(&names, &n);

    if (copy == NULL)
        return;
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        fprintf(copy, "%s\n", c->name);
    pthread_mutex_unlock(&lock);
    if (fclose(copy) == 0)
        fputs(names, stdout);
    free(names);
}

/* Starts a detached thread; -1, and a line in the log, if there is none. */
static int spawn(void *(*start)(void *), void *arg)
{
    pthread_t thread;
    int err;

    threads++;
    err = pthread_create(&thread, NULL, start, arg);
    if (err != 0) {
        threads--;
        log_event("accept", "pthread_create: ", strerror(err));
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

/* What a thread does last. */
static void thread_ends(void)
{
    pthread_mutex_lock(&lock);
    threads--;
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
}

/* Returns when only main is left. */
static void wait_for_threads(void)
{
    pthread_mutex_lock(&lock);
    while (threads > 1)
        pthread_cond_wait(&ended, &lock);
    pthread_mutex_unlock(&lock);
}

/* Fills fds with what the postman waits for: the bell, stop(), and the sockets
 * that are full. Returns how many they are. */
static nfds_t watch(struct pollfd *fds)
{
    nfds_t n = 2;

    fds[0] = (struct pollfd){bell[0], POLLIN, 0};
    fds[1] = (struct pollfd){wake[0], POLLIN, 0};
    for (struct client *c = room; c != NULL; c = c->next)
        if (c->heard < said && c->heard < c->last)
            fds[n++] = (struct pollfd){c->fd, POLLOUT, 0};
    return n;
}

/* The postman. No other thread sends anything. */
static void *post_loop(void *arg)
{
    static struct pollfd fds[FD_LIMIT];
    nfds_t n;
    char byte;

    (void)arg;
    pthread_mutex_lock(&lock);
    while (!stopping) {
        deliver_all();
        pthread_cond_broadcast(&round_over);
        n = watch(fds);
        pthread_mutex_unlock(&lock);
        poll(fds, n, -1);
        if (fds[0].revents != 0 && read(bell[0], &byte, 1) < 0)
            log_event("postman", "read: ", strerror(errno));
        pthread_mutex_lock(&lock);
    }
    pthread_mutex_unlock(&lock);
    thread_ends();
    return NULL;
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

/* Returns when c has been sent all that was said so far, or is let go. */
static void hear_out(struct client *c)
{
    pthread_mutex_lock(&lock);
    if (c->last > said)
        c->last = said;
    while (c->heard < c->last && !stopping)
        pthread_cond_wait(&round_over, &lock);
    pthread_mutex_unlock(&lock);
}

/* The thread of one client. Still wrong: each costs a thread and its stack, and
 * all want the one lock. */
static void *serve(void *arg)
{
    struct client *c = arg;
    char buf[LINE_SIZE];
    ssize_t n, len = 0; /* of the piece in buf that has no end yet */

    log_event(c->name, "joined", "");
    while (!stopping && len >= 0) {
        n = recv(c->fd, buf + len, sizeof buf - len, 0);
        if (n >= 0 || errno != EINTR)
            len = hear(c, buf, len, n);
    }
    hear_out(c);
    leave(c);
    thread_ends();
    return NULL;
}

/* Waits for fd to be readable, for stop(), or for ms milliseconds. */
static void await(int fd, int ms)
{
    struct pollfd fds[] = {{wake[0], POLLIN, 0}, {fd, POLLIN, 0}};

    poll(fds, 2, ms);
}

/* Returns the next client, or NULL if there is none. One that came and went
 * is no error; when descriptors or memory run out we rest for a second: the
 * newcomer waits in the queue, and the room goes on. */
static struct client *accept_client(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    struct client *c = malloc(sizeof *c);
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
            await(-1, 1000);
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

static void *accept_loop(void *arg)
{
    struct client *c;

    (void)arg;
    while (!stopping) {
        await(listener, -1);
        c = accept_client();
        if (c == NULL)
            continue;
        join(c);
        if (spawn(serve, c) < 0)
            leave(c);
    }
    thread_ends();
    return NULL;
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

/* Wakes every thread: each sees that its conversation is over. */
static void stop(void)
{
    pthread_mutex_lock(&lock);
    stopping = 1;
    for (struct client *c = room; c != NULL; c = c->next)
        let_go(c);
    pthread_cond_broadcast(&round_over);
    pthread_mutex_unlock(&lock);
    close(wake[1]);
    log_event("main", "stopping", "");
}

/* Returns after quit, or when its input ends: then we serve on without it. */
static void console(void)
{
    char line[MSG_SIZE]; /* A longer line counts as several. */

    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            stop();
            return;
        }
        printf("threads: %d\n", threads);
        list_room();
    }
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: server [PORT] | server HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    if (pipe(wake) < 0 || pipe(bell) < 0)
        die("pipe", strerror(errno));
    listener = listen_on(host, port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() never blocks */
    if (spawn(post_loop, NULL) < 0 || spawn(accept_loop, NULL) < 0)
        return 1;
    console();
    wait_for_threads();
    close(listener);
    close(wake[0]);
    close(bell[0]);
    close(bell[1]);
    return 0;
}
