/* Two kinds of lock: the list has a readers-and-writers lock, so that several
 * may talk at the same time; each guest has a lock of her own, so that what two
 * say to her does not get mixed up. accept() and recv() simply block. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1024 };

struct guest {
    struct guest *next;
    int fd;
    pthread_mutex_t mouth; /* who holds it may send to her */
    char name[NAME_MAX_LEN];
};

static pthread_rwlock_t list_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct guest *list;
static int door;
static atomic_bool closed;
static atomic_int threads = 2;

static void enter(struct guest *g)
{
    pthread_rwlock_wrlock(&list_lock);
    g->next = list;
    list = g;
    if (closed)
        shutdown(g->fd, SHUT_RDWR);
    pthread_rwlock_unlock(&list_lock);
}

/* Once we have the lock for writing, nobody is sending to her. */
static void leave(struct guest *g)
{
    struct guest **p;

    pthread_rwlock_wrlock(&list_lock);
    for (p = &list; *p != g; p = &(*p)->next)
        ;
    *p = g->next;
    pthread_rwlock_unlock(&list_lock);
    close(g->fd);
    pthread_mutex_destroy(&g->mouth);
    say(g->name, g->name, " left");
    free(g);
}

static void tell(struct guest *g, const char *text, size_t n)
{
    pthread_mutex_lock(&g->mouth);
    while (n > 0) {
        ssize_t done = send(g->fd, text, n, 0);

        if (done == -1)
            break;
        text += done;
        n -= done;
    }
    pthread_mutex_unlock(&g->mouth);
}

static void tell_everyone(const char *text, size_t n)
{
    pthread_rwlock_rdlock(&list_lock);
    for (struct guest *g = list; g != NULL; g = g->next)
        tell(g, text, n);
    pthread_rwlock_unlock(&list_lock);
}

static bool says_quit(const char *s, size_t n)
{
    if (n < 4 || memcmp(s, "quit", 4) != 0)
        return false;
    return n == 4 || (n == 5 && s[4] == '\n')
           || (n == 6 && s[4] == '\r' && s[5] == '\n');
}

static void *talk(void *arg)
{
    struct guest *g = arg;
    char text[64 + PIECE], in[PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    enter(g);
    say(g->name, g->name, " joined");
    while ((n = recv(g->fd, in, sizeof in, 0)) > 0 && !says_quit(in, n)) {
        head = snprintf(text, 64, "[%s] %s ", clock_time(when), g->name);
        memcpy(text + head, in, n);
        tell_everyone(text, head + n);
    }
    leave(g);
    threads--;
    return NULL;
}

static void receive_guest(int fd, const struct sockaddr_in *from)
{
    struct guest *g = malloc(sizeof *g);
    pthread_t t;

    if (g == NULL) {
        close(fd);
        return;
    }
    g->fd = fd;
    endpoint(g->name, from);
    pthread_mutex_init(&g->mouth, NULL);
    threads++;
    if (pthread_create(&t, NULL, talk, g) == 0) {
        pthread_detach(t);
        return;
    }
    threads--;
    say("accept", g->name, " turned away: no thread");
    close(fd);
    free(g);
}

/* After quit it wakes once more, for the next who knocks. */
static void *doorkeeper(void *arg)
{
    while (!closed) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        int fd = accept(door, (struct sockaddr *)&from, &size);

        if (fd == -1)
            sleep(1); /* out of descriptors */
        else if (closed)
            close(fd);
        else
            receive_guest(fd, &from);
    }
    close(door);
    threads--;
    return arg;
}

static void shut_down(void)
{
    closed = true;
    pthread_rwlock_rdlock(&list_lock);
    for (struct guest *g = list; g != NULL; g = g->next)
        shutdown(g->fd, SHUT_RDWR);
    pthread_rwlock_unlock(&list_lock);
    say("main", "stopping", "");
}

int main(int argc, char *argv[])
{
    char line[100];
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    if (pthread_create(&t, NULL, doorkeeper, NULL) != 0)
        return 1;
    pthread_detach(t);
    for (;;) {
        if (isatty(STDIN_FILENO))
            fputs(">>> ", stdout);
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        if (strcmp(line, "quit\n") == 0 || strcmp(line, "quit") == 0) {
            shut_down();
            break;
        }
        printf("[%d threads]\n", (int)threads);
        pthread_rwlock_rdlock(&list_lock);
        for (struct guest *g = list; g != NULL; g = g->next)
            puts(g->name);
        pthread_rwlock_unlock(&list_lock);
    }
    pthread_exit(NULL);
}
