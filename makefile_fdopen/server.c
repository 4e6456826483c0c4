/* makefile_fdopen: v1 with stdio: a socket read and written as a file. */
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

/* Frees c, whose descriptor its stream has closed. */
static void leave(struct client *c)
{
    log_event(c->name, "left", "");
    free(c);
}

/* Two streams, since one FILE cannot turn from reading to writing without a
 * seek, which a socket lacks. Still wrong: as in v1, the next client waits;
 * and a line that never ends takes all the memory there is. */
static void serve(struct client *c)
{
    FILE *in = fdopen(c->fd, "r");
    FILE *out = fdopen(dup(c->fd), "w");
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    if (in == NULL || out == NULL)
        die("fdopen", strerror(errno));
    log_event(c->name, "joined", "");
    while ((n = getline(&line, &size, in)) > 0) {
        fwrite(line, 1, n, out); /* not %s: a line may hold a NUL */
        fprintf(out, "###");
        /* Still wrong: if the client is gone, SIGPIPE kills the server. */
        if (fflush(out) == EOF)
            break;
    }
    free(line);
    fclose(out);
    fclose(in);
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
