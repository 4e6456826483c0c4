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
    TIME_SIZE = 20,  /* "2026-11-23 06:44:56" */
    WHERE_SIZE = 300 /* "HOST:PORT" as typed, cut when longer */
};

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
    char where[WHERE_SIZE];

    snprintf(where, sizeof where, "%s:%s", host, port);
    if (!is_port(port))
        die(where, "a port is a number from 0 to 65535");

    /* Yours: getaddrinfo() turns host and port into an address, socket() makes
     * a socket, setsockopt() sets SO_REUSEADDR, bind() gives the socket its
     * address, listen() lets clients connect. Each can fail: die(where, ...),
     * and the reason may begin with the call: "listen: Address already in use".
     * On port 0 the kernel picks a port: getsockname() returns it. */
    log_event("main", "still to be written: ", "listen_on()");
    exit(1);
}

/* Talks with the client at addr until it leaves. */
static void serve(int fd, const struct sockaddr_in *addr)
{
    (void)addr; /* Not used yet. */
    /* Yours: log "IP:PORT joined" first, and "IP:PORT left" last, however the
     * conversation ended. inet_ntop() and ntohs() make IP:PORT of addr.
     * Between the two answer whatever one recv() brings with "Your msg = " and
     * the same bytes. When recv() returns 0, the client has left. */
    close(fd);
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;
    struct sockaddr_in addr = {.sin_family = AF_INET};
    int listener;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: server [PORT] | server HOST PORT"
                "  (localhost and 9999 when left out)\n");
        return help ? 0 : 2;
    }
    listener = listen_on(host, port);
    for (;;) {
        /* Yours: accept() can fail. Its second and third arguments bring the
         * client's address: let them fill in addr. */
        serve(accept(listener, NULL, NULL), &addr);
    }
}
