/* Sockets, as far as an echo server needs them. */
#include "net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int number(const char *text)
{
    long n = 0;

    if (*text == '\0')
        return -1;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || n > 65535)
            return -1;
        n = 10 * n + (*text - '0');
    }
    return n > 65535 ? -1 : (int)n;
}

int net_listen(const char *host, const char *port, struct sockaddr_in *at,
               const char **why)
{
    socklen_t size = sizeof *at;
    struct hostent *h = NULL;
    int fd, yes = 1, n = number(port);

    memset(at, 0, sizeof *at);
    at->sin_family = AF_INET;
    if (inet_pton(AF_INET, host, &at->sin_addr) != 1)
        h = gethostbyname(host);
    if (h != NULL)
        memcpy(&at->sin_addr, h->h_addr_list[0], sizeof at->sin_addr);
    else if (inet_pton(AF_INET, host, &at->sin_addr) != 1)
        *why = "I do not know this host";
    if (n < 0)
        *why = "a port is a number up to 65535";
    if (*why != NULL)
        return -1;
    at->sin_port = htons(n);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof *at) != 0
        || listen(fd, SOMAXCONN) != 0
        || getsockname(fd, (struct sockaddr *)at, &size) != 0) {
        *why = strerror(errno);
        return -1;
    }
    return fd;
}

int net_accept(int listener, struct sockaddr_in *from)
{
    socklen_t size = sizeof *from;
    int fd;

    do
        fd = accept(listener, (struct sockaddr *)from, &size);
    while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

int net_write(int fd, const void *data, size_t size)
{
    const char *p = data;
    ssize_t n;

    while (size > 0) {
        n = write(fd, p, size);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            p += n;
            size -= n;
        }
    }
    return 0;
}
