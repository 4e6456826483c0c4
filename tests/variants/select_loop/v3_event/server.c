/* select() over all descriptors, and no thread: one loop answers everybody,
 * and looks after the console and a stop flag as well. */
#include "listener.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 1024

static fd_set all;                         /* whom we wait for */
static struct sockaddr_in who[FD_SETSIZE]; /* indexed by descriptor */
static int listener;
static int stop_flag;

static const char *peer_name(int fd)
{
    static char name[32];

    snprintf(name, sizeof name, "%s:%d", inet_ntoa(who[fd].sin_addr),
             ntohs(who[fd].sin_port));
    return name;
}

static void forget_peer(int fd)
{
    FD_CLR(fd, &all);
    FD_SET(listener, &all);
    close(fd);
    note(peer_name(fd), "%s left", peer_name(fd));
}

static void new_peer(void)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof sa;
    int fd = accept(listener, (struct sockaddr *)&sa, &len);

    if (fd >= FD_SETSIZE) { /* select() cannot have it */
        close(fd);
        return;
    }
    if (fd < 0) {
        note("accept", "accept: %s", strerror(errno));
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            FD_CLR(listener, &all); /* until somebody leaves, or a second */
        return;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    who[fd] = sa;
    FD_SET(fd, &all);
    note("accept", "%s joined", peer_name(fd));
}

/* Answers one message. */
static void serve_peer(int fd)
{
    char in[BLOCK], out[BLOCK + 80];
    ssize_t n = read(fd, in, sizeof in), sent, k;
    time_t t = time(NULL);
    size_t len;

    if (n <= 0) {
        forget_peer(fd);
        return;
    }
    len = strftime(out, 40, "[%F %T] ", localtime(&t));
    len += sprintf(out + len, "%s ", peer_name(fd));
    memcpy(out + len, in, n);
    len += n;
    for (sent = 0; sent < (ssize_t)len; sent += k) {
        k = write(fd, out + sent, len - sent);
        if (k < 0) {
            forget_peer(fd);
            return;
        }
    }
}

/* One line of the console. */
static void obey(const char *line)
{
    if (strcmp(line, "quit") == 0) {
        stop_flag = 1;
        return;
    }
    printf("There is 1 thread.\n");
    if (isatty(0))
        printf(">>> ");
    fflush(stdout);
}

/* Takes what is typed as it comes: perhaps several lines, or half of one. */
static void console(void)
{
    static char line[512];
    static size_t len;
    ssize_t n = read(0, line + len, sizeof line - 1 - len);
    char *end;

    if (n > 0)
        len += n;
    else
        FD_CLR(0, &all); /* we go on without a console */
    line[len] = '\0';
    while ((end = strchr(line, '\n')) != NULL) {
        *end++ = '\0';
        obey(line);
        len -= end - line;
        memmove(line, end, len + 1);
    }
    if (len > 0 && (n <= 0 || len == sizeof line - 1)) {
        obey(line);
        len = 0;
    }
}

int main(int argc, char *argv[])
{
    listener = from_arguments(argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    FD_ZERO(&all);
    FD_SET(0, &all);
    FD_SET(listener, &all);
    if (isatty(0)) {
        printf(">>> ");
        fflush(stdout);
    }
    while (!stop_flag) {
        struct timeval second = {1, 0};
        fd_set ready = all;
        int shut = !FD_ISSET(listener, &all);

        if (select(FD_SETSIZE, &ready, NULL, NULL, shut ? &second : NULL) <= 0)
            FD_ZERO(&ready);
        if (shut)
            FD_SET(listener, &all);
        if (FD_ISSET(0, &ready))
            console();
        for (int fd = 1; fd < FD_SETSIZE; fd++)
            if (FD_ISSET(fd, &ready) && fd != listener)
                serve_peer(fd);
        if (FD_ISSET(listener, &ready))
            new_peer();
    }
    note("main", "stopping");
    for (int fd = 1; fd < FD_SETSIZE; fd++)
        if (FD_ISSET(fd, &all) && fd != listener)
            forget_peer(fd);
    return 0;
}
