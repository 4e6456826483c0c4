/* v5_locks: a lock guards the list; a client that leaves is taken off it. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    /* One recv() is one message. Still wrong: TCP keeps no boundaries, so a
     * long line comes out in pieces, and two quick ones may come out as one. */
    MSG_SIZE = 1024,
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
    struct client *next;
};

static int listener;
static atomic_bool stopping;
static atomic_int threads = 1; /* main is one */

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

/* Sends all n bytes, however long it takes; -1 when the client is gone. */
static int send_all(int fd, const char *buf, size_t n)
{
    while (n > 0) {
        /* Still wrong: if the client is gone, SIGPIPE kills the server. */
        ssize_t sent = send(fd, buf, n, 0);

        if (sent < 0)
            return -1;
        buf += sent;
        n -= sent;
    }
    return 0;
}

/* Writes the answer to msg, n bytes, into out; returns its length. */
static size_t answer(char *out, struct client *c, const char *msg, size_t n)
{
    char when[TIME_SIZE];
    int head = snprintf(out, HEAD_SIZE, "[%s] %s ", now(when), c->name);

    memcpy(out + head, msg, n); /* bytes, not a string: no %s, no strlen() */
    return head + n;
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

/* Still wrong: while one reader does not read, we wait in send() with the
 * lock held, and the whole room, stop() too, waits for us. */
static void broadcast(const char *msg, size_t n)
{
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        send_all(c->fd, msg, n);
    pthread_mutex_unlock(&lock);
}

/* Still wrong: if nobody reads our stdout, the room waits here. */
static void list_room(void)
{
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        printf("%s\n", c->name);
    pthread_mutex_unlock(&lock);
}

/* Starts a detached thread. */
static void spawn(void *(*start)(void *), void *arg)
{
    pthread_t thread;
    int err;

    threads++;
    err = pthread_create(&thread, NULL, start, arg);
    if (err != 0) /* Still wrong: one client too many ends the server. */
        die("pthread_create", strerror(err));
    pthread_detach(thread);
}

/* The thread of one client. */
static void *serve(void *arg)
{
    struct client *c = arg;
    char msg[MSG_SIZE], out[HEAD_SIZE + MSG_SIZE];
    ssize_t n = 0;

    log_event(c->name, "joined", "");
    while (!stopping) {
        n = recv(c->fd, msg, sizeof msg, 0);
        if (n <= 0 || is_quit(msg, n))
            break;
        broadcast(out, answer(out, c, msg, n));
    }
    if (n < 0) /* Still wrong: a client that crashes stays on the list. */
        log_event(c->name, "left: ", strerror(errno));
    else
        leave(c);
    threads--;
    return NULL;
}

/* Returns the next client, or NULL if there is none. */
static struct client *accept_client(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    struct client *c = malloc(sizeof *c);

    if (c == NULL)
        die("malloc", strerror(errno));
    c->fd = accept(listener, (struct sockaddr *)&addr, &len);
    if (c->fd < 0) {
        log_event("accept", "accept: ", strerror(errno));
        free(c);
        return NULL;
    }
    name_of(&addr, c->name);
    return c;
}

static void *accept_loop(void *arg)
{
    struct client *c;

    (void)arg;
    while (!stopping) {
        c = accept_client();
        if (c == NULL)
            break; /* Still wrong: from now on nobody new gets in. */
        join(c);
        spawn(serve, c);
    }
    threads--;
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

/* Wakes every client's thread. Still wrong: the accept thread sleeps on in
 * accept(), which close() does not wake, until one more client comes. */
static void stop(void)
{
    stopping = 1;
    pthread_mutex_lock(&lock);
    for (struct client *c = room; c != NULL; c = c->next)
        shutdown(c->fd, SHUT_RDWR);
    pthread_mutex_unlock(&lock);
    close(listener);
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
    listener = listen_on(host, port);
    spawn(accept_loop, NULL);
    console();
    pthread_exit(NULL); /* The process lives until its last thread ends. */
}
