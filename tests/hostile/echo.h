/* echo.h: an honest v1_echo, for programs that are dishonest besides. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Listens on a port of the kernel's choice and says so; the descriptor. */
static int get_ready(void)
{
    struct sockaddr_in me = {.sin_family = AF_INET};
    socklen_t len = sizeof me;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&me, len) < 0 || listen(fd, 128) < 0
        || getsockname(fd, (struct sockaddr *)&me, &len) < 0)
        return -1;
    fprintf(stderr, "2026-01-01 00:00:00 main listening on 127.0.0.1:%d\n",
            ntohs(me.sin_port));
    return fd;
}

/* Answers one client after another, for ever. */
static void serve_all(int listener)
{
    char buf[11 + 1024] = "Your msg = ";
    struct sockaddr_in peer;
    ssize_t n;

    for (;;) {
        socklen_t len = sizeof peer;
        int fd = accept(listener, (struct sockaddr *)&peer, &len);

        fprintf(stderr, "2026-01-01 00:00:00 main 127.0.0.1:%d joined\n",
                ntohs(peer.sin_port));
        while ((n = recv(fd, buf + 11, 1024, 0)) > 0)
            if (send(fd, buf, n + 11, 0) < 0)
                break;
        close(fd);
        fprintf(stderr, "2026-01-01 00:00:00 main 127.0.0.1:%d left\n",
                ntohs(peer.sin_port));
    }
}
