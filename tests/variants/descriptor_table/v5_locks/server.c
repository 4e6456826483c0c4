/* The room is a table, and a guest's place in it is her descriptor: nobody is
 * ever searched for. A thread for each guest, and one lock for the table. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 4096, PIECE = 1024 };

struct place {
    int taken;
    char name[NAME_MAX_LEN];
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place table[PLACES]; /* with the lock */
static int highest = -1;           /* with the lock: none above is taken */
static int threads = 2;            /* with the lock: main and the acceptor */
static int over;                   /* with the lock */
static int door;
static int bell[2]; /* a pipe that wakes the acceptor */

/* --- the table --- */

static void take_place(int fd, const char *name)
{
    pthread_mutex_lock(&table_lock);
    table[fd].taken = 1;
    strcpy(table[fd].name, name);
    if (fd > highest)
        highest = fd;
    threads++;
    if (over)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&table_lock);
    say("accept", name, " joined");
}

/* Closes fd with the lock held: so nobody writes to who gets it next. */
static void leave_place(int fd)
{
    char name[NAME_MAX_LEN];

    pthread_mutex_lock(&table_lock);
    strcpy(name, table[fd].name);
    table[fd].taken = 0;
    while (highest >= 0 && !table[highest].taken)
        highest--;
    close(fd);
    say(name, name, " left");
    threads--;
    pthread_mutex_unlock(&table_lock);
}

static void spread(const char *text, size_t n)
{
    pthread_mutex_lock(&table_lock);
    for (int fd = 0; fd <= highest; fd++) {
        const char *p = text, *end = text + n;

        while (table[fd].taken && p < end) {
            ssize_t done = send(fd, p, end - p, 0);

            if (done == -1)
                break; /* her own thread will hear of it */
            p += done;
        }
    }
    pthread_mutex_unlock(&table_lock);
}

static void list(void)
{
    pthread_mutex_lock(&table_lock);
    printf("%d threads\n", threads);
    for (int fd = 0; fd <= highest; fd++)
        if (table[fd].taken)
            printf("%s\n", table[fd].name);
    pthread_mutex_unlock(&table_lock);
}

/* --- threads --- */

static int is_farewell(const char *s, ssize_t n)
{
    static const char *const words[] = {"quit", "quit\n", "quit\r\n"};

    for (int i = 0; i < 3; i++)
        if ((size_t)n == strlen(words[i]) && memcmp(s, words[i], n) == 0)
            return 1;
    return 0;
}

static void *guest(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char in[PIECE], out[64 + PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    while ((n = recv(fd, in, sizeof in, 0)) > 0 && !is_farewell(in, n)) {
        head = snprintf(out, 64, "[%s] %s ", clock_time(when), table[fd].name);
        memcpy(out + head, in, n);
        spread(out, head + n);
    }
    leave_place(fd);
    return NULL;
}

static void *acceptor(void *arg)
{
    struct pollfd p[2] = {{door, POLLIN, 0}, {bell[0], POLLIN, 0}};
    struct sockaddr_in from;
    socklen_t size;
    char name[NAME_MAX_LEN];
    pthread_t t;
    int fd;

    for (;;) {
        poll(p, 2, -1);
        if (p[1].revents)
            break;
        size = sizeof from;
        fd = accept(door, (struct sockaddr *)&from, &size);
        if (fd == -1 || fd >= PLACES) {
            say("accept", "accept: ", fd == -1 ? strerror(errno) : "full");
            if (fd != -1)
                close(fd);
            poll(p + 1, 1, 500);
            continue;
        }
        endpoint(name, &from);
        take_place(fd, name);
        if (pthread_create(&t, NULL, guest, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
        else
            leave_place(fd);
    }
    close(door);
    pthread_mutex_lock(&table_lock);
    threads--;
    pthread_mutex_unlock(&table_lock);
    return arg;
}

static void stop(void)
{
    pthread_mutex_lock(&table_lock);
    over = 1;
    for (int fd = 0; fd <= highest; fd++)
        if (table[fd].taken)
            shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&table_lock);
    if (write(bell[1], "!", 1) == 1)
        say("main", "stopping", "");
}

int main(int argc, char *argv[])
{
    char line[200];
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    if (pipe(bell) == -1 || pthread_create(&t, NULL, acceptor, NULL) != 0) {
        perror("server");
        return 1;
    }
    pthread_detach(t);
    for (;;) {
        printf("%s", isatty(STDIN_FILENO) ? ">>> " : "");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            stop();
            break;
        }
        list();
    }
    pthread_exit(NULL); /* the process ends with its last thread */
}
