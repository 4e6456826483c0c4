/* listener: by inet_aton(3), gethostbyname(3) and getopt(3). */
#include "listener.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void note(const char *who, const char *format, ...)
{
    char when[32], text[256];
    time_t t = time(NULL);
    struct tm tm;
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    strftime(when, sizeof when, "%F %T", localtime_r(&t, &tm));
    fprintf(stderr, "%s %s %s\n", when, who, text);
}

static void complain(const char *host, const char *port, const char *reason)
{
    fprintf(stderr, "chat: %s:%s: %s\n", host, port, reason);
    exit(EXIT_FAILURE);
}

/* Dotted or by name; inet_aton() first, for it asks nobody. */
static struct in_addr find_host(const char *host, const char *port)
{
    struct in_addr ip;
    struct hostent *known;

    if (inet_aton(host, &ip) != 0)
        return ip;
    known = gethostbyname(host);
    if (known == NULL || known->h_addrtype != AF_INET)
        complain(host, port, "unknown host");
    memcpy(&ip, known->h_addr_list[0], sizeof ip);
    return ip;
}

static int make_listener(const char *host, const char *port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof sa;
    char *rest;
    long number;
    int fd, one = 1;

    errno = 0;
    number = strtol(port, &rest, 10);
    if (!isdigit((unsigned char)port[0]) || *rest != '\0' || errno != 0
        || number > 65535)
        complain(host, port, "bad port");
    sa.sin_addr = find_host(host, port);
    sa.sin_port = htons((in_port_t)number);
    fd = socket(PF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        complain(host, port, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
        complain(host, port, strerror(errno));
    if (listen(fd, SOMAXCONN) < 0)
        complain(host, port, strerror(errno));
    if (getsockname(fd, (struct sockaddr *)&sa, &len) < 0)
        complain(host, port, strerror(errno));
    note("main", "ready, listening on %s:%d", inet_ntoa(sa.sin_addr),
         ntohs(sa.sin_port));
    return fd;
}

/* getopt(3) says itself which option it does not know. */
int from_arguments(int argc, char *argv[])
{
    int c, help = 0, wrong = 0;

    while ((c = getopt(argc, argv, "h")) != -1) {
        help |= c == 'h';
        wrong |= c != 'h';
    }
    if (wrong || argc - optind > 2) {
        fprintf(stderr, "usage: %s [-h] [[HOST] PORT]\n", argv[0]);
        exit(2);
    }
    if (help) {
        printf("usage: %s [-h] [[HOST] PORT]\n", argv[0]);
        exit(0);
    }
    argv += optind;
    switch (argc - optind) {
    case 0:
        return make_listener("localhost", "9999");
    case 1:
        return make_listener("localhost", argv[0]);
    default:
        return make_listener(argv[0], argv[1]);
    }
}
