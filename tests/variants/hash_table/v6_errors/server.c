/* The room is a hash table of sixteen chains, each with a lock of its own: who
 * comes or goes holds up only the neighbours on the same chain. */
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

enum { CHAINS = 16, PIECE = 1024 };

struct entry {
    struct entry *next;
    int fd;
    unsigned key;
    char name[NAME_MAX_LEN];
};

static struct chain {
    pthread_mutex_t lock;
    struct entry *first;
} chains[CHAINS];

/* How many threads there are, and the news that one has ended. */
static pthread_mutex_t count_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t count_changed = PTHREAD_COND_INITIALIZER;
static int count = 1;

static int door, alarm_pipe[2];
static atomic_int closing;

static int change_count(int by)
{
    int now;

    pthread_mutex_lock(&count_lock);
    now = count += by;
    pthread_cond_broadcast(&count_changed);
    pthread_mutex_unlock(&count_lock);
    return now;
}

/* --- the table --- */

/* One address never has the same port twice at a time: a good key. */
static struct chain *chain_of(const struct entry *e)
{
    return &chains[(e->key * 2654435761u >> 16) % CHAINS];
}

static void insert(struct entry *e)
{
    struct chain *c = chain_of(e);

    pthread_mutex_lock(&c->lock);
    e->next = c->first;
    c->first = e;
    if (closing) /* it may have passed this chain already */
        shutdown(e->fd, SHUT_RDWR);
    pthread_mutex_unlock(&c->lock);
}

static void take_out(struct entry *e)
{
    struct chain *c = chain_of(e);
    struct entry **p;

    pthread_mutex_lock(&c->lock);
    for (p = &c->first; *p != e; p = &(*p)->next)
        ;
    *p = e->next;
    pthread_mutex_unlock(&c->lock);
}

/* Calls visit for every entry, with its chain locked. */
static void for_all(void (*visit)(struct entry *, const void *, size_t),
                    const void *data, size_t size)
{
    for (int i = 0; i < CHAINS; i++) {
        pthread_mutex_lock(&chains[i].lock);
        for (struct entry *e = chains[i].first; e != NULL; e = e->next)
            visit(e, data, size);
        pthread_mutex_unlock(&chains[i].lock);
    }
}

static void tell(struct entry *e, const void *data, size_t size)
{
    const char *p = data;

    while (size > 0) {
        ssize_t n = send(e->fd, p, size, 0);

        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1) {
            shutdown(e->fd, SHUT_RDWR);
            return;
        }
        p += n;
        size -= n;
    }
}

static void send_away(struct entry *e, const void *data, size_t size)
{
    (void)data, (void)size;
    shutdown(e->fd, SHUT_RDWR);
}

static void show(struct entry *e, const void *data, size_t size)
{
    (void)data, (void)size;
    printf("%s\n", e->name);
}

/* --- threads --- */

static int good_bye(const char *s, size_t n)
{
    return n >= 4 && strncmp(s, "quit", 4) == 0
           && (n == 4 || (n == 5 && s[4] == '\n')
               || (n == 6 && s[4] == '\r' && s[5] == '\n'));
}

static void *conversation(void *arg)
{
    struct entry *e = arg;
    char in[PIECE], out[64 + PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    for (;;) {
        n = recv(e->fd, in, sizeof in, 0);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            say(e->name, "lost: ", strerror(errno));
        if (n <= 0 || good_bye(in, n))
            break;
        head = snprintf(out, 64, "[%s] %s ", clock_time(when), e->name);
        memcpy(out + head, in, n);
        for_all(tell, out, head + n);
    }
    take_out(e);
    close(e->fd);
    say(e->name, e->name, " left");
    free(e);
    change_count(-1);
    return NULL;
}

static void admit(int fd, const struct sockaddr_in *from)
{
    struct entry *e = malloc(sizeof *e);
    pthread_t t;
    int err = ENOMEM;

    if (e != NULL) {
        e->fd = fd;
        e->key = from->sin_port ^ from->sin_addr.s_addr;
        endpoint(e->name, from);
        insert(e);
        say(e->name, e->name, " joined");
        change_count(1);
        err = pthread_create(&t, NULL, conversation, e);
        if (err == 0) {
            pthread_detach(t);
            return;
        }
        change_count(-1);
        take_out(e);
        say(e->name, e->name, " left");
        free(e);
    }
    close(fd);
    say("accept", "turned somebody away: ", strerror(err));
}

static void *reception(void *arg)
{
    struct pollfd p[2] = {{door, POLLIN, 0}, {alarm_pipe[0], POLLIN, 0}};
    struct sockaddr_in from;
    socklen_t size;
    int fd;

    while (!closing) {
        poll(p, 2, -1);
        size = sizeof from;
        fd = accept(door, (struct sockaddr *)&from, &size);
        if (fd != -1) {
            fcntl(fd, F_SETFL, 0);
            admit(fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS
                   || errno == ENOMEM) {
            poll(p + 1, 1, 250);
        }
    }
    change_count(-1);
    return arg;
}

static void console(void)
{
    char line[256];

    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") != 0) {
            printf("%d\n", change_count(0));
            for_all(show, NULL, 0);
            continue;
        }
        closing = 1;
        close(alarm_pipe[1]);
        for_all(send_away, NULL, 0);
        say("main", "stopping", "");
        return;
    }
}

int main(int argc, char *argv[])
{
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < CHAINS; i++)
        pthread_mutex_init(&chains[i].lock, NULL);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    if (pipe(alarm_pipe) == -1
        || pthread_create(&t, NULL, reception, NULL) != 0)
        return 1;
    change_count(1);
    console();
    pthread_join(t, NULL); /* without a console: never */
    pthread_mutex_lock(&count_lock);
    while (count > 1)
        pthread_cond_wait(&count_changed, &count_lock);
    pthread_mutex_unlock(&count_lock);
    close(door);
    close(alarm_pipe[0]);
    return 0;
}
