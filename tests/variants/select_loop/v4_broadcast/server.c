/* A room by select(): first all who have something to say are heard, then the
 * words of that round go out to all. */
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

struct person {
    int fd; /* -1 once she has gone */
    char name[32];
    struct person *next;
};

static struct person *people;
static int listener, shut;
static int reading = 1; /* stdin has not ended */
static int going = 1;

static void hang_up(struct person *p)
{
    close(p->fd);
    p->fd = -1;
    shut = 0;
    note(p->name, "%s left", p->name);
}

/* Removes all that have gone. */
static void tidy(void)
{
    struct person **link = &people, *p;

    while ((p = *link) != NULL) {
        if (p->fd >= 0) {
            link = &p->next;
            continue;
        }
        *link = p->next;
        free(p);
    }
}

static void speak(const char *text, size_t len)
{
    for (struct person *p = people; p != NULL; p = p->next) {
        const char *s = text;
        size_t left = len;

        while (p->fd >= 0 && left > 0) {
            ssize_t n = send(p->fd, s, left, 0);

            if (n < 0 && errno != EINTR)
                hang_up(p);
            if (n > 0) {
                s += n;
                left -= n;
            }
        }
    }
}

static void hear(struct person *p)
{
    char text[80 + BLOCK];
    time_t t = time(NULL);
    ssize_t n;
    size_t len;

    len = strftime(text, 40, "[%F %T] ", localtime(&t));
    len += sprintf(text + len, "%s ", p->name);
    n = recv(p->fd, text + len, BLOCK, 0);
    if (n > 0)
        speak(text, len + n);
    else
        hang_up(p);
}

static void welcome(void)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof sa;
    struct person *p, **end = &people;
    int fd = accept(listener, (struct sockaddr *)&sa, &len);

    if (fd < 0) {
        shut = errno == EMFILE || errno == ENFILE;
        return;
    }
    p = malloc(sizeof *p);
    if (p == NULL || fd >= FD_SETSIZE) {
        free(p);
        close(fd);
        return;
    }
    fcntl(fd, F_SETFL, 0);
    p->fd = fd;
    p->next = NULL;
    snprintf(p->name, sizeof p->name, "%s:%d", inet_ntoa(sa.sin_addr),
             ntohs(sa.sin_port));
    while (*end != NULL)
        end = &(*end)->next;
    *end = p;
    note("main", "%s joined, by descriptor %d", p->name, fd);
}

static void console(void)
{
    char line[256];

    /* stdin is unbuffered, so that select() tells of every line. */
    if (fgets(line, sizeof line, stdin) == NULL) {
        reading = 0;
        return;
    }
    line[strcspn(line, "\r\n")] = '\0';
    if (strcmp(line, "quit") == 0) {
        going = 0;
        return;
    }
    printf("1 thread, no more\n");
    for (struct person *p = people; p != NULL; p = p->next)
        printf("%s\n", p->name);
    printf("%s", isatty(0) ? ">>> " : "");
    fflush(stdout);
}

/* Fills set with all that we wait for; returns the highest plus one. */
static int gather(fd_set *set)
{
    int top = shut ? 0 : listener;

    FD_ZERO(set);
    if (reading)
        FD_SET(0, set);
    if (!shut)
        FD_SET(listener, set);
    for (struct person *p = people; p != NULL; p = p->next) {
        FD_SET(p->fd, set);
        if (p->fd > top)
            top = p->fd;
    }
    return top + 1;
}

int main(int argc, char *argv[])
{
    fd_set set;

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdin, NULL, _IONBF, 0);
    listener = from_arguments(argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    printf("%s", isatty(0) ? ">>> " : "");
    fflush(stdout);
    while (going) {
        struct timeval second = {1, 0};

        if (select(gather(&set), &set, NULL, NULL, shut ? &second : NULL) < 1) {
            shut = 0;
            continue;
        }
        for (struct person *p = people; p != NULL; p = p->next)
            if (p->fd >= 0 && FD_ISSET(p->fd, &set))
                hear(p);
        tidy();
        if (FD_ISSET(0, &set))
            console();
        if (FD_ISSET(listener, &set))
            welcome();
    }
    note("main", "stopping");
    for (struct person *p = people; p != NULL; p = p->next)
        hang_up(p);
    tidy();
    return 0;
}
