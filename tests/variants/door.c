/* door: by getaddrinfo(3), and arguments looked at by hand. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

const char *clock_time(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    strftime(buf, TIME_LEN, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
    return buf;
}

void say(const char *who, const char *what, const char *more)
{
    char when[TIME_LEN], line[512];
    int n = snprintf(line, sizeof line, "%s %s %s%s\n", clock_time(when), who,
                     what, more);

    if (write(STDERR_FILENO, line, n) == -1)
        return; /* nobody reads the log: no reason to end */
}

void endpoint(char *name, const struct sockaddr_in *a)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip);
    snprintf(name, NAME_MAX_LEN, "%s:%u", ip, ntohs(a->sin_port));
}

static void refuse(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "server: %s:%s: %s\n", host, port, why);
    exit(1);
}

/* A socket that listens on host:port; there is no other way back. */
static int open_door(const char *host, const char *port)
{
    struct addrinfo hints, *found;
    struct sockaddr_in here;
    socklen_t size = sizeof here;
    char name[NAME_MAX_LEN];
    int s, err, yes = 1;

    if (port[0] == '\0' || strspn(port, "0123456789") != strlen(port)
        || strtol(port, NULL, 10) > 65535)
        refuse(host, port, "not a port number (0 to 65535)");
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    err = getaddrinfo(host, port, &hints, &found);
    if (err != 0)
        refuse(host, port, gai_strerror(err));
    s = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (s == -1
        || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1
        || bind(s, found->ai_addr, found->ai_addrlen) == -1
        || listen(s, SOMAXCONN) == -1)
        refuse(host, port, strerror(errno));
    freeaddrinfo(found);
    getsockname(s, (struct sockaddr *)&here, &size);
    endpoint(name, &here);
    say("main", "listening on ", name);
    return s;
}

int start(int argc, char *argv[])
{
    static const char usage[] = "Usage: server [[HOST] PORT]\n";

    if (argc == 2 && strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        exit(0);
    }
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fputs(usage, stderr);
        exit(2);
    }
    if (argc == 3)
        return open_door(argv[1], argv[2]);
    return open_door("localhost", argc == 2 ? argv[1] : "9999");
}
