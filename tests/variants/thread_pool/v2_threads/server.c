/* A pool of 256 threads, made at the start: a connection waits in a queue for
 * the next one that is free. The acceptor looks at a flag, ten times a second.
 */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    WORKERS = 256,
    STACK = 256 * 1024, /* so that all of them fit in anywhere */
    PIECE = 1024
};

struct call {
    int fd;
    struct sockaddr_in from;
};

static int door;
static atomic_int stop;

/* A ring of calls that nobody has taken yet. */
static struct call ring[WORKERS];
static int first, waiting;
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ring_changed = PTHREAD_COND_INITIALIZER;

/* Returns 0 when there will be no more calls. */
static int take_call(struct call *c)
{
    int found;

    pthread_mutex_lock(&ring_lock);
    while (waiting == 0 && !stop)
        pthread_cond_wait(&ring_changed, &ring_lock);
    found = waiting > 0;
    if (found) {
        *c = ring[first];
        first = (first + 1) % WORKERS;
        waiting--;
        pthread_cond_broadcast(&ring_changed);
    }
    pthread_mutex_unlock(&ring_lock);
    return found;
}

/* Waits while the ring is full: the rest waits in the kernel's queue. */
static void put_call(const struct call *c)
{
    pthread_mutex_lock(&ring_lock);
    while (waiting == WORKERS && !stop)
        pthread_cond_wait(&ring_changed, &ring_lock);
    if (stop) {
        close(c->fd);
    } else {
        ring[(first + waiting) % WORKERS] = *c;
        waiting++;
        pthread_cond_broadcast(&ring_changed);
    }
    pthread_mutex_unlock(&ring_lock);
}

static void answer_call(const struct call *c)
{
    char name[NAME_MAX_LEN], when[TIME_LEN], in[PIECE], out[64 + PIECE];
    ssize_t n, len, done, sent;

    endpoint(name, &c->from);
    say(name, name, " joined");
    for (;;) {
        n = recv(c->fd, in, sizeof in, 0);
        if (n <= 0)
            break;
        len = snprintf(out, 64, "[%s] %s ", clock_time(when), name);
        memcpy(out + len, in, n);
        len += n;
        for (sent = 0; sent < len; sent += done) {
            done = send(c->fd, out + sent, len - sent, 0);
            if (done == -1)
                break;
        }
        if (sent < len)
            break;
    }
    close(c->fd);
    say(name, name, " left");
}

static void *worker(void *unused)
{
    struct call c;

    while (take_call(&c))
        answer_call(&c);
    return unused;
}

static void *acceptor(void *unused)
{
    struct pollfd p = {door, POLLIN, 0};
    struct call c;
    socklen_t size;

    while (!stop) {
        if (poll(&p, 1, 100) != 1)
            continue;
        size = sizeof c.from;
        c.fd = accept(door, (struct sockaddr *)&c.from, &size);
        if (c.fd != -1) {
            fcntl(c.fd, F_SETFL, 0);
            put_call(&c);
        } else if (errno != EAGAIN && errno != EINTR) {
            say("accept", "accept: ", strerror(errno));
            poll(NULL, 0, 100); /* out of descriptors, most likely */
        }
    }
    close(door);
    return unused;
}

/* Until quit; returns 0 if there is no more input. The line is not freed: this
 * is done once, and the end of the program is near. */
static int console(void)
{
    char *line = NULL;
    size_t size = 0;

    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (getline(&line, &size, stdin) == -1)
            return 0;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0)
            return 1;
        printf("threads: %d\n", WORKERS + 2);
    }
}

static pthread_t make_thread(void *(*run)(void *))
{
    pthread_attr_t small;
    pthread_t t;
    int err;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    err = pthread_create(&t, &small, run, NULL);
    if (err != 0) {
        fprintf(stderr, "server: cannot make a thread: %s\n", strerror(err));
        exit(1);
    }
    pthread_attr_destroy(&small);
    return t;
}

int main(int argc, char *argv[])
{
    pthread_t pool[WORKERS + 1];

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < WORKERS; i++)
        pool[i] = make_thread(worker);
    pool[WORKERS] = make_thread(acceptor);
    if (console()) {
        pthread_mutex_lock(&ring_lock);
        stop = 1;
        pthread_cond_broadcast(&ring_changed);
        pthread_mutex_unlock(&ring_lock);
        say("main", "stopping: when the last guest has left", "");
    }
    for (int i = 0; i <= WORKERS; i++)
        pthread_join(pool[i], NULL);
    return 0;
}
