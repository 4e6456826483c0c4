/* chat: the room of v6_errors, by the framework: only what is a chat's own. */
#define _POSIX_C_SOURCE 200809L
#include "socketserver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    MSG_SIZE = 1024,               /* One recv() is one message, as in v6. */
    HEAD_SIZE = ADDRESS_SIZE + 32, /* what we put before a message */
    TIME_SIZE = 20                 /* "2026-11-23 06:44:56" */
};

struct client {
    struct handler handler; /* first: a client is a handler */
    struct client *next;
};

static struct server server;
static atomic_bool stopping;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards room */
static struct client *room;

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
static void die(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "chat: %.256s:%.32s: %s\n", host, port, why);
    exit(1);
}

static const char *name_of(const struct client *c)
{
    return c->handler.request->client_address.name;
}

/* Writes the answer to msg, n bytes, into out; returns its length. */
static size_t answer(char *out, struct client *c, const char *msg, size_t n)
{
    char when[TIME_SIZE];
    int head = snprintf(out, HEAD_SIZE, "[%s] %s ", now(when), name_of(c));

    memcpy(out + head, msg, n); /* bytes, not a string: no %s, no strlen() */
    return head + n;
}

static int is_quit(const char *msg, size_t n)
{
    return (n == 4 && memcmp(msg, "quit", 4) == 0)
           || (n == 5 && memcmp(msg, "quit\n", 5) == 0)
           || (n == 6 && memcmp(msg, "quit\r\n", 6) == 0);
}

/* The handler's setup. */
static int join(struct handler *h)
{
    struct client *c = (struct client *)h;

    pthread_mutex_lock(&lock);
    c->next = room;
    room = c;
    pthread_mutex_unlock(&lock);
    log_event(name_of(c), "joined", "");
    return 0;
}

/* The handler's finish: off the list, and then the framework closes. */
static int leave(struct handler *h)
{
    struct client *c = (struct client *)h;
    struct client **p = &room;

    pthread_mutex_lock(&lock);
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    pthread_mutex_unlock(&lock);
    log_event(name_of(c), "left", "");
    return 0;
}

/* Ends a conversation: its own thread sees end-of-stream, and leaves. */
static void hang_up(struct client *c)
{
    shutdown(c->handler.request->fd, SHUT_RDWR);
}

/* Still wrong, as in v6: while one reader does not read, all wait. */
static void broadcast(const char *msg, size_t n)
{
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        if (request_send(c->handler.request, msg, n) < 0)
            hang_up(c);
    pthread_mutex_unlock(&lock);
}

static void list_room(void)
{
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        printf("%s\n", name_of(c));
    pthread_mutex_unlock(&lock);
}

static int handle(struct handler *h)
{
    struct client *c = (struct client *)h;
    char msg[MSG_SIZE], out[HEAD_SIZE + MSG_SIZE];
    ssize_t n = 0;

    while (!stopping) {
        n = recv(h->request->fd, msg, sizeof msg, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || is_quit(msg, n))
            break;
        broadcast(out, answer(out, c, msg, n));
    }
    return n < 0 ? -1 : 0;
}

static const struct handler_class chat = {
    .size = sizeof(struct client),
    .setup = join,
    .handle = handle,
    .finish = leave,
};

static void stop(void)
{
    server_shutdown(&server);
    stopping = 1;
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        hang_up(c);
    pthread_mutex_unlock(&lock);
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
        printf("threads: %d\n", server.active + 2); /* main, accept */
        list_room();
    }
}

static void *accept_loop(void *arg)
{
    (void)arg;
    if (serve_forever(&server, -1) < 0)
        log_event("accept", "poll: ", strerror(errno));
    return NULL;
}

/* Starts the thread in which the server serves, or dies and says why. */
static pthread_t start(const char *host, const char *port)
{
    struct server_class class = threading(tcp_server());
    struct address address;
    pthread_t loop;
    const char *why = inet_address(&address, host, port);

    class.allow_reuse_address = 1;
    class.request_queue_size = SOMAXCONN;
    if (why != NULL)
        die(host, port, why);
    if (server_init(&server, &class, &address, &chat) < 0)
        die(host, port, strerror(errno));
    log_event("main", "listening on ", server.server_address.name);
    errno = pthread_create(&loop, NULL, accept_loop, NULL);
    if (errno != 0)
        die(host, port, strerror(errno));
    return loop;
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;
    pthread_t loop;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: chat [PORT] | chat HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    loop = start(host, port);
    console();
    pthread_join(loop, NULL);
    server_close(&server);
    return 0;
}
