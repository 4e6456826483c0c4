/* The room is an array of 1024 pointers, with holes; main accepts, and the
 * console is a thread. quit is seen by a flag, five times a second. */
#include "listener.h"
#include <arpa/inet.h>
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

#define MAX_USERS 1024
#define BUF 1024

typedef struct {
    int sock;
    int slot;
    char addr[32];
} user_t;

static user_t *users[MAX_USERS]; /* NULL is a hole */
static pthread_mutex_t users_mutex = PTHREAD_MUTEX_INITIALIZER;
static atomic_int thread_count = 1;
static atomic_int quitting;

/* --- the array --- */

/* Returns 0 if the array is full. */
static int add_user(user_t *u)
{
    int i = 0;

    pthread_mutex_lock(&users_mutex);
    while (i < MAX_USERS && users[i] != NULL)
        i++;
    if (i < MAX_USERS) {
        users[i] = u;
        u->slot = i;
    }
    pthread_mutex_unlock(&users_mutex);
    return i < MAX_USERS;
}

static void remove_user(user_t *u)
{
    pthread_mutex_lock(&users_mutex);
    users[u->slot] = NULL;
    pthread_mutex_unlock(&users_mutex);
    note(u->addr, "%s left", u->addr);
    close(u->sock);
    free(u);
}

static int write_all(int fd, const void *data, size_t size)
{
    const char *p = data;
    ssize_t n;

    for (; size > 0; p += n, size -= n) {
        n = write(fd, p, size);
        if (n <= 0)
            return 0;
    }
    return 1;
}

static void send_to_everyone(const char *text, size_t size)
{
    pthread_mutex_lock(&users_mutex);
    for (int i = 0; i < MAX_USERS; i++)
        if (users[i] != NULL && !write_all(users[i]->sock, text, size))
            shutdown(users[i]->sock, SHUT_RDWR);
    pthread_mutex_unlock(&users_mutex);
}

static void shut_everyone(void)
{
    pthread_mutex_lock(&users_mutex);
    for (int i = 0; i < MAX_USERS; i++)
        if (users[i] != NULL)
            shutdown(users[i]->sock, SHUT_RDWR);
    pthread_mutex_unlock(&users_mutex);
}

/* --- threads --- */

static int wants_to_go(const char *in, ssize_t n)
{
    if (n > 4 && in[n - 1] == '\n')
        n -= n > 5 && in[n - 2] == '\r' ? 2 : 1;
    return n == 4 && memcmp(in, "quit", 4) == 0;
}

static void *user_thread(void *arg)
{
    user_t *u = arg;
    char in[BUF], out[BUF + 80];
    ssize_t n;

    note(u->addr, "%s joined", u->addr);
    while ((n = read(u->sock, in, sizeof in)) > 0) {
        time_t t = time(NULL);
        struct tm tm;
        size_t len;

        if (wants_to_go(in, n))
            break;
        len = strftime(out, 40, "[%F %T] ", localtime_r(&t, &tm));
        len += snprintf(out + len, 40, "%s ", u->addr);
        memcpy(out + len, in, n);
        send_to_everyone(out, len + n);
    }
    remove_user(u);
    thread_count--;
    return NULL;
}

static void *console_thread(void *arg)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    for (;;) {
        if (isatty(0) && write(1, ">>> ", 4) < 0)
            break;
        n = getline(&line, &size, stdin);
        if (n < 0)
            break;
        if (line[n - 1] == '\n')
            line[n - 1] = '\0';
        if (strcmp(line, "quit") == 0) {
            quitting = 1;
            break;
        }
        pthread_mutex_lock(&users_mutex);
        printf("threads %d\n", thread_count);
        for (int i = 0; i < MAX_USERS; i++)
            if (users[i] != NULL)
                printf("%s\n", users[i]->addr);
        pthread_mutex_unlock(&users_mutex);
        fflush(stdout);
    }
    free(line);
    thread_count--;
    return arg;
}

/* Starts a detached thread; 0 if there is none to be had. */
static int go(void *(*function)(void *), void *arg)
{
    pthread_attr_t detached;
    pthread_t id;
    int err;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    thread_count++;
    err = pthread_create(&id, &detached, function, arg);
    if (err != 0) {
        note("main", "no thread: %s", strerror(err));
        thread_count--;
    }
    pthread_attr_destroy(&detached);
    return err == 0;
}

static void accept_user(int listener)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof sa;
    int s = accept(listener, (struct sockaddr *)&sa, &len);
    user_t *u;

    if (s < 0) {
        if (errno != EAGAIN)
            poll(NULL, 0, 200); /* let others give something back */
        return;
    }
    fcntl(s, F_SETFL, 0);
    u = malloc(sizeof *u);
    if (u == NULL) {
        close(s);
        return;
    }
    u->sock = s;
    snprintf(u->addr, sizeof u->addr, "%s:%d", inet_ntoa(sa.sin_addr),
             ntohs(sa.sin_port));
    if (!add_user(u)) {
        close(s);
        free(u);
    } else if (!go(user_thread, u)) {
        remove_user(u);
    }
}

int main(int argc, char *argv[])
{
    struct pollfd p = {.events = POLLIN};

    signal(SIGPIPE, SIG_IGN);
    p.fd = from_arguments(argc, argv);
    fcntl(p.fd, F_SETFL, O_NONBLOCK);
    if (!go(console_thread, NULL))
        return 1;
    while (!quitting)
        if (poll(&p, 1, 200) == 1)
            accept_user(p.fd);
    close(p.fd);
    shut_everyone();
    note("main", "stopping");
    pthread_exit(NULL);
}
