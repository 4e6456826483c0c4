/* caller: says its input to a server of any kind, and prints the answers.
 *
 *     caller tcp|udp HOST PORT        caller unix|unixgram PATH
 *
 * To a stream it says all, and then reads to the end; to the others each line
 * is a datagram, and is answered by one. It gives up after ten seconds. */
#define _POSIX_C_SOURCE 200809L
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char own[64]; /* our path, that we may be answered */

static void check(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    if (own[0] != '\0')
        unlink(own);
    exit(1);
}

static int dial_inet(int type, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = type}, *ai;
    int fd = socket(AF_INET, type, 0);

    check(fd >= 0, "socket");
    check(getaddrinfo(host, port, &hints, &ai) == 0, "getaddrinfo");
    check(connect(fd, ai->ai_addr, ai->ai_addrlen) == 0, "connect");
    freeaddrinfo(ai);
    return fd;
}

static int dial_unix(int type, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    struct sockaddr_un from = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    check(fd >= 0 && strlen(path) < sizeof to.sun_path, "socket");
    strcpy(to.sun_path, path);
    if (type == SOCK_DGRAM) {
        snprintf(own, sizeof own, "caller.%ld", (long)getpid());
        strcpy(from.sun_path, own);
        check(bind(fd, (struct sockaddr *)&from, sizeof from) == 0, "bind");
    }
    check(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
    return fd;
}

static void talk(int fd, int type)
{
    static char buf[1 << 16];
    ssize_t n;

    while (fgets(buf, sizeof buf, stdin) != NULL) {
        n = strlen(buf);
        check(send(fd, buf, n, 0) == n, "send");
        if (type == SOCK_STREAM)
            continue;
        n = recv(fd, buf, sizeof buf, 0);
        check(n >= 0, "recv");
        fwrite(buf, 1, n, stdout);
    }
    if (type == SOCK_DGRAM)
        return;
    shutdown(fd, SHUT_WR);
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
        fwrite(buf, 1, n, stdout);
    check(n == 0, "recv");
}

int main(int argc, char *argv[])
{
    int type = SOCK_STREAM;

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: caller tcp|udp HOST PORT\n"
                        "       caller unix|unixgram PATH\n");
        return 2;
    }
    if (strcmp(argv[1], "udp") == 0 || strcmp(argv[1], "unixgram") == 0)
        type = SOCK_DGRAM;
    alarm(10);
    talk(argc == 4 ? dial_inet(type, argv[2], argv[3])
                   : dial_unix(type, argv[2]),
         type);
    if (own[0] != '\0')
        unlink(own);
    return 0;
}
