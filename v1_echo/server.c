/* v1_echo: an echo server, for one client after another. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
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

struct client {
    int fd;
    char name[NAME_SIZE];
};

static int listener;

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
static size_t answer(char *out, const char *msg, size_t n)
{
    int head = snprintf(out, HEAD_SIZE, "Your msg = ");

    memcpy(out + head, msg, n); /* bytes, not a string: no %s, no strlen() */
    return head + n;
}

/* Ends the conversation with c and frees it. */
static void leave(struct client *c)
{
    close(c->fd);
    log_event(c->name, "left", "");
    free(c);
}

/* Still wrong: while we talk with this client, the next one waits. */
static void serve(struct client *c)
{
    char msg[MSG_SIZE], out[HEAD_SIZE + MSG_SIZE];
    ssize_t n;

    log_event(c->name, "joined", "");
    for (;;) {
        n = recv(c->fd, msg, sizeof msg, 0);
        if (n <= 0)
            break;
        if (send_all(c->fd, out, answer(out, msg, n)) < 0)
            break;
    }
    leave(c);
}

/* Returns the next client. */
static struct client *accept_client(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    struct client *c = malloc(sizeof *c);

    if (c == NULL)
        die("malloc", strerror(errno));
    c->fd = accept(listener, (struct sockaddr *)&addr, &len);
    if (c->fd < 0) /* Still wrong: a client that gives up may end us. */
        die("accept", strerror(errno));
    name_of(&addr, c->name);
    return c;
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
    for (;;)
        serve(accept_client());
}
