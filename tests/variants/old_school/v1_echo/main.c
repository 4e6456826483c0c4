/* An echo server in three files, with read() and write(): one guest at a time.
 */
#include "log.h"
#include "net.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "Your msg = "

/* Until the guest has nothing more to say, or cannot be reached. */
static void echo(int fd)
{
    char buf[sizeof PREFIX - 1 + 1024] = PREFIX;
    char *said = buf + sizeof PREFIX - 1;
    ssize_t n;

    do {
        n = read(fd, said, 1024);
        if (n > 0 && net_write(fd, buf, said - buf + n) != 0)
            return;
    } while (n > 0 || (n < 0 && errno == EINTR));
}

static int usage(FILE *where, int status)
{
    fprintf(where, "USAGE: echo-server [-h] [[host] port]\n");
    return status;
}

int main(int argc, char **argv)
{
    const char *host = "localhost", *port = "9999", *why = NULL;
    struct sockaddr_in here, there;
    int listener, fd;

    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "-h") == 0)
        return usage(stdout, 0);
    if (argc > 3 || (argc >= 2 && *argv[1] == '-'))
        return usage(stderr, 2);
    if (argc == 3)
        host = argv[1];
    if (argc >= 2)
        port = argv[argc - 1];
    listener = net_listen(host, port, &here, &why);
    if (listener < 0) {
        fprintf(stderr, "%s: %s:%s: %s\n", argv[0], host, port, why);
        return 1;
    }
    log_line("listening on ", &here, ", come in");
    while ((fd = net_accept(listener, &there)) >= 0) {
        log_line("", &there, " joined");
        echo(fd);
        close(fd);
        log_line("", &there, " left");
    }
    perror("accept");
    return 1;
}
