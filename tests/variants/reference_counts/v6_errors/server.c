/* A ring of guests, doubly linked, each with a count of those who hold her: who
 * speaks takes a snapshot of the room, and sends without holding it locked. A
 * spare descriptor is kept, to turn away politely those whom there is no other
 * descriptor for. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1024 };

struct guest {
    struct guest *prev, *next;
    int holders; /* with ring_lock; the last one closes and frees */
    int fd;
    pthread_mutex_t sending;
    char name[NAME_MAX_LEN];
};

static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static struct guest ring = {.prev = &ring, .next = &ring};
static int ring_size; /* with ring_lock, as all that follows */
static int threads = 1;
static int closed;
static pthread_cond_t thread_ended = PTHREAD_COND_INITIALIZER;

static int door;
static int bell[2];
static int spare; /* the acceptor's */

/* --- the ring --- */

static void enter(struct guest *g)
{
    pthread_mutex_lock(&ring_lock);
    g->holders = 1;
    g->next = &ring;
    g->prev = ring.prev;
    g->prev->next = g;
    ring.prev = g;
    ring_size++;
    if (closed)
        shutdown(g->fd, SHUT_RDWR);
    pthread_mutex_unlock(&ring_lock);
}

static void let_loose(struct guest *g)
{
    int last;

    pthread_mutex_lock(&ring_lock);
    last = --g->holders == 0;
    pthread_mutex_unlock(&ring_lock);
    if (last) {
        close(g->fd);
        pthread_mutex_destroy(&g->sending);
        free(g);
    }
}

/* Others may still be sending to her: then shutdown() ends that. */
static void leave(struct guest *g)
{
    pthread_mutex_lock(&ring_lock);
    g->prev->next = g->next;
    g->next->prev = g->prev;
    ring_size--;
    pthread_mutex_unlock(&ring_lock);
    shutdown(g->fd, SHUT_RDWR);
    say(g->name, g->name, " left");
    let_loose(g);
}

/* All who are there now, *n of them; NULL if there is no memory. */
static struct guest **snapshot(int *n)
{
    struct guest **all, *g;

    *n = 0;
    pthread_mutex_lock(&ring_lock);
    all = malloc((ring_size + 1) * sizeof *all);
    if (all != NULL)
        for (g = ring.next; g != &ring; g = g->next) {
            g->holders++;
            all[(*n)++] = g;
        }
    pthread_mutex_unlock(&ring_lock);
    return all;
}

static void send_to(struct guest *g, const char *text, size_t n)
{
    pthread_mutex_lock(&g->sending);
    while (n > 0) {
        ssize_t done = send(g->fd, text, n, 0);

        if (done == -1 && errno == EINTR)
            continue;
        if (done == -1) {
            shutdown(g->fd, SHUT_RDWR);
            break;
        }
        text += done;
        n -= done;
    }
    pthread_mutex_unlock(&g->sending);
}

/* -1 if this could not be said for want of memory. */
static int say_to_all(const char *text, size_t size)
{
    int n;
    struct guest **all = snapshot(&n);

    if (all == NULL)
        return -1;
    for (int i = 0; i < n; i++) {
        send_to(all[i], text, size);
        let_loose(all[i]);
    }
    free(all);
    return 0;
}

/* --- threads --- */

static int start_thread(void *(*run)(void *), void *arg)
{
    pthread_t t;
    int err;

    pthread_mutex_lock(&ring_lock);
    err = pthread_create(&t, NULL, run, arg);
    if (err == 0) {
        pthread_detach(t);
        threads++;
    }
    pthread_mutex_unlock(&ring_lock);
    return err;
}

static void end_thread(void)
{
    pthread_mutex_lock(&ring_lock);
    threads--;
    pthread_cond_signal(&thread_ended);
    pthread_mutex_unlock(&ring_lock);
}

static int is_quit(const char *s, size_t n)
{
    return (n == 4 && !memcmp(s, "quit", n))
           || (n == 5 && !memcmp(s, "quit\n", n))
           || (n == 6 && !memcmp(s, "quit\r\n", n));
}

static void *attend(void *arg)
{
    struct guest *g = arg;
    char in[PIECE], out[64 + PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    say(g->name, g->name, " joined");
    for (;;) {
        n = recv(g->fd, in, sizeof in, 0);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0 || is_quit(in, n))
            break;
        head = snprintf(out, 64, "[%s] %s ", clock_time(when), g->name);
        memcpy(out + head, in, n);
        if (say_to_all(out, head + n) == -1)
            break;
    }
    leave(g);
    end_thread();
    return NULL;
}

/* Lets the first in the queue go, by the spare descriptor. */
static void turn_away(void)
{
    close(spare);
    spare = accept(door, NULL, NULL);
    if (spare != -1) {
        close(spare);
        say("accept", "turned somebody away: no descriptor", "");
    }
    spare = open("/dev/null", O_RDONLY);
}

static void admit(void)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    struct guest *g;
    int err, fd = accept(door, (struct sockaddr *)&from, &size);

    if (fd == -1) {
        if (errno == EMFILE || errno == ENFILE)
            turn_away();
        return;
    }
    fcntl(fd, F_SETFL, 0);
    g = calloc(1, sizeof *g);
    if (g == NULL) {
        close(fd);
        return;
    }
    g->fd = fd;
    endpoint(g->name, &from);
    pthread_mutex_init(&g->sending, NULL);
    enter(g);
    err = start_thread(attend, g);
    if (err != 0) {
        say("accept", "no thread for a guest: ", strerror(err));
        leave(g);
    }
}

static void *keep_door(void *arg)
{
    struct pollfd p[2] = {{door, POLLIN, 0}, {bell[0], POLLIN, 0}};

    do {
        poll(p, 2, -1);
        if (p[0].revents)
            admit();
    } while (!p[1].revents);
    end_thread();
    return arg;
}

static void end_all(void)
{
    if (write(bell[1], "", 1) == -1)
        return;
    pthread_mutex_lock(&ring_lock);
    closed = 1;
    for (struct guest *g = ring.next; g != &ring; g = g->next)
        shutdown(g->fd, SHUT_RDWR);
    pthread_mutex_unlock(&ring_lock);
    say("main", "stopping", "");
}

static void report(void)
{
    pthread_mutex_lock(&ring_lock);
    printf("threads: %d\n", threads);
    for (struct guest *g = ring.next; g != &ring; g = g->next)
        printf("%s\n", g->name);
    pthread_mutex_unlock(&ring_lock);
}

int main(int argc, char *argv[])
{
    char line[256] = "";

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    spare = open("/dev/null", O_RDONLY);
    if (pipe(bell) == -1 || start_thread(keep_door, NULL) != 0)
        return 1;
    while (strcmp(line, "quit") != 0) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0)
            end_all();
        else
            report();
    }
    pthread_mutex_lock(&ring_lock);
    while (threads > 1)
        pthread_cond_wait(&thread_ended, &ring_lock);
    pthread_mutex_unlock(&ring_lock);
    close(door);
    close(spare);
    close(bell[0]);
    close(bell[1]);
    return 0;
}
