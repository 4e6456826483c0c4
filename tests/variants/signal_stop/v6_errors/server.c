/* quit by signal: SIGUSR1 is blocked everywhere, but for the time that a thread
 * waits in pselect(): so it can only ever interrupt a wait, and never misses
 * one. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1024 };

/* A thread that quit has to interrupt; fd is the socket it waits for. */
struct task {
    struct task *next;
    pthread_t id;
    int fd;
    int is_guest;
    char name[NAME_MAX_LEN];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct task *tasks; /* with the mutex */
static int alive = 1;      /* with the mutex: threads, main too */
static pthread_cond_t fewer = PTHREAD_COND_INITIALIZER;
static atomic_int stopped;
static sigset_t while_waiting; /* SIGUSR1 is not in it */

static void on_signal(int sig)
{
    (void)sig; /* it is enough that pselect() returns */
}

/* Returns 0 when the time has come to stop; else t's socket is readable. */
static int wait_for_input(const struct task *t)
{
    fd_set set;

    for (;;) {
        if (stopped)
            return 0;
        FD_ZERO(&set);
        FD_SET(t->fd, &set);
        if (pselect(t->fd + 1, &set, NULL, NULL, NULL, &while_waiting) == 1)
            return 1;
    }
}

/* --- tasks --- */

/* Frees t. The thread behind it is over, or nearly so. */
static void discharge(struct task *t)
{
    struct task **p;

    pthread_mutex_lock(&mutex);
    for (p = &tasks; *p != t; p = &(*p)->next)
        ;
    *p = t->next;
    close(t->fd);
    pthread_mutex_unlock(&mutex);
    if (t->is_guest)
        say(t->name, t->name, " left");
    free(t);
}

/* Runs body(t) in a thread. Takes the mutex, so that t->id is there before
 * anybody sends it a signal. */
static int run(struct task *t, void *(*body)(void *))
{
    int err;

    pthread_mutex_lock(&mutex);
    err = pthread_create(&t->id, NULL, body, t);
    if (err == 0) {
        pthread_detach(t->id);
        alive++;
        t->next = tasks;
        tasks = t;
    }
    pthread_mutex_unlock(&mutex);
    return err;
}

static void finish(void)
{
    pthread_mutex_lock(&mutex);
    alive--;
    pthread_cond_signal(&fewer);
    pthread_mutex_unlock(&mutex);
}

static void send_to_guests(const char *text, size_t n)
{
    pthread_mutex_lock(&mutex);
    for (struct task *t = tasks; t != NULL; t = t->next) {
        const char *p = text, *end = text + n;

        while (t->is_guest && p < end) {
            ssize_t done = send(t->fd, p, end - p, 0);

            if (done == -1 && errno == EINTR)
                continue;
            if (done == -1) {
                shutdown(t->fd, SHUT_RDWR);
                break;
            }
            p += done;
        }
    }
    pthread_mutex_unlock(&mutex);
}

static int is_quit(const char *s, size_t n)
{
    if (n == 6 && s[4] == '\r' && s[5] == '\n')
        n = 4;
    if (n == 5 && s[4] == '\n')
        n = 4;
    return n == 4 && memcmp(s, "quit", 4) == 0;
}

static void *guest(void *arg)
{
    struct task *me = arg;
    char in[PIECE], out[64 + PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    say(me->name, me->name, " joined");
    while (wait_for_input(me)) {
        n = recv(me->fd, in, sizeof in, 0);
        if (n <= 0 || is_quit(in, n))
            break;
        head = snprintf(out, 64, "[%s] %s ", clock_time(when), me->name);
        memcpy(out + head, in, n);
        send_to_guests(out, head + n);
    }
    discharge(me);
    finish();
    return NULL;
}

static void accept_one(int door)
{
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    struct task *t = malloc(sizeof *t);
    int err;

    if (t == NULL)
        return;
    t->fd = accept(door, (struct sockaddr *)&from, &size);
    if (t->fd == -1) {
        err = errno;
        free(t);
        if (err != EAGAIN && err != EINTR && err != ECONNABORTED) {
            struct timespec nap = {0, 300000000};

            say("accept", "accept: ", strerror(err));
            pselect(0, NULL, NULL, NULL, &nap, &while_waiting);
        }
        return;
    }
    t->is_guest = 1;
    endpoint(t->name, &from);
    fcntl(t->fd, F_SETFL, 0);
    if (t->fd >= FD_SETSIZE || run(t, guest) != 0) {
        say("accept", "no room for ", t->name);
        close(t->fd);
        free(t);
    }
}

static void *accept_all(void *arg)
{
    struct task *me = arg;

    while (wait_for_input(me))
        accept_one(me->fd);
    discharge(me);
    finish();
    return NULL;
}

/* Whoever starts to wait from now on sees the flag, whoever waits already gets
 * the signal. */
static void interrupt_all(void)
{
    stopped = 1;
    pthread_mutex_lock(&mutex);
    for (struct task *t = tasks; t != NULL; t = t->next)
        pthread_kill(t->id, SIGUSR1);
    say("main", "stopping", "");
    while (alive > 1)
        pthread_cond_wait(&fewer, &mutex);
    pthread_mutex_unlock(&mutex);
}

static void report(void)
{
    pthread_mutex_lock(&mutex);
    printf("threads: %d\n", alive);
    for (struct task *t = tasks; t != NULL; t = t->next)
        if (t->is_guest)
            printf("%s\n", t->name);
    pthread_mutex_unlock(&mutex);
}

int main(int argc, char *argv[])
{
    struct sigaction action;
    struct task *t = calloc(1, sizeof *t);
    sigset_t usr1;
    char line[256];

    if (t == NULL)
        return 1;
    t->fd = start(argc, argv);
    fcntl(t->fd, F_SETFL, O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, &while_waiting);
    if (run(t, accept_all) != 0)
        return 1;
    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            pthread_exit(NULL);
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0)
            break;
        report();
    }
    interrupt_all();
    return 0;
}
