/* A process for each client, as inetd did it. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void bury(int sig)
{
    int saved = errno;

    (void)sig;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    errno = saved;
}

/* The head goes out first, and the bytes behind it. */
static void answer(int fd)
{
    static char buf[11 + 1024] = "Your msg = ";
    int n, done, w;

    while ((n = read(fd, buf + 11, 1024)) > 0)
        for (done = 0; done < n + 11; done += w)
            if ((w = write(fd, buf + done, n + 11 - done)) < 0)
                return;
}

static void serve(int lsock, int fd, const struct sockaddr_in *sin)
{
    char addr[32];

    snprintf(addr, sizeof addr, "%s:%d", inet_ntoa(sin->sin_addr),
             ntohs(sin->sin_port));
    signal(SIGPIPE, SIG_IGN);
    close(lsock);
    dprintf(2, "%s joined\n", addr);
    answer(fd);
    close(fd);
    dprintf(2, "%s left\n", addr);
    _exit(0);
}

static int bad(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "server: cannot listen on %s port '%s': %s\n", host, port,
            why);
    return 1;
}

static int usage(FILE *f, int status)
{
    fprintf(f, "Usage: server [port]\n       server host port\n");
    return status;
}

/* Before accept(2) returns there is nothing to do. */
static void run(int lsock)
{
    struct sigaction chld = {.sa_handler = bury, .sa_flags = SA_RESTART};
    struct sockaddr_in sin;
    socklen_t len;
    int fd;

    sigaction(SIGCHLD, &chld, NULL);
    for (;;) {
        len = sizeof sin;
        fd = accept(lsock, (struct sockaddr *)&sin, &len);
        if (fd < 0)
            continue;
        if (fork() == 0)
            serve(lsock, fd, &sin);
        close(fd);
    }
}

int main(int argc, char *argv[])
{
    char *host = argc > 2 ? argv[1] : "localhost";
    char *port = argc > 1 ? argv[argc - 1] : "9999";
    struct sockaddr_in sin = {.sin_family = AF_INET};
    struct hostent *hp;
    socklen_t len = sizeof sin;
    char *end;
    long n = strtol(port, &end, 10);
    int lsock, on = 1;

    if (argc == 2 && strcmp(argv[1], "-h") == 0)
        return usage(stdout, 0);
    if (argc > 3 || (argc > 1 && argv[1][0] == '-'))
        return usage(stderr, 2);
    if (*port < '0' || *port > '9' || *end != '\0' || n > 65535)
        return bad(host, port, "bad port");
    hp = gethostbyname(host);
    if (hp == NULL)
        return bad(host, port, hstrerror(h_errno));
    sin.sin_port = htons(n);
    memcpy(&sin.sin_addr, hp->h_addr_list[0], sizeof sin.sin_addr);
    lsock = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(lsock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(lsock, (struct sockaddr *)&sin, sizeof sin) < 0
        || listen(lsock, SOMAXCONN) < 0)
        return bad(host, port, strerror(errno));
    getsockname(lsock, (struct sockaddr *)&sin, &len);
    dprintf(2, "listening on %s:%d\n", inet_ntoa(sin.sin_addr),
            ntohs(sin.sin_port));
    run(lsock);
}
