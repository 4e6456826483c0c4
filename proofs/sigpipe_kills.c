/* sigpipe_kills: who sends twice to a peer that is gone is dead. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Returns a TCP connection whose other end has closed. */
static int deserted(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof addr;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener, (struct sockaddr *)&addr, len);
    listen(listener, 1);
    getsockname(listener, (struct sockaddr *)&addr, &len);
    connect(fd, (struct sockaddr *)&addr, len);
    close(accept(listener, NULL, NULL));
    close(listener);
    return fd;
}

/* Sends until it fails; the first time works, as nothing is known yet. */
static void send_and_send(const char *who)
{
    struct pollfd p = {deserted(), 0, 0};

    alarm(10); /* ends a hang */
    for (int i = 1; send(p.fd, "hello", 5, 0) == 5; i++) {
        printf("%s: send() number %d returns 5\n", who, i);
        fflush(stdout);
        poll(&p, 1, 5000); /* until the other end has answered: a reset */
    }
}

int main(void)
{
    int status, error, killed;
    pid_t child = fork();

    if (child == 0) {
        signal(SIGPIPE, SIG_DFL); /* our parent may have ignored it */
        send_and_send("by default");
        _exit(1);
    }
    waitpid(child, &status, 0);
    killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    printf("by default: killed by signal %d (SIGPIPE is %d)\n", killed,
           SIGPIPE);

    signal(SIGPIPE, SIG_IGN);
    send_and_send("ignored");
    error = errno;
    printf("ignored: the next returns -1: %s\n", strerror(error));
    return killed == SIGPIPE && error == EPIPE ? 0 : 1;
}
