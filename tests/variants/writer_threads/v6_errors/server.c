/* Two threads for each guest: one receives, and one sends what waits in her
 * queue. A message is stored once, and counted by the queues that it is in. So
 * nobody waits for a guest who does not read. */
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
    PIECE = 1024,
    HEAD = 64,
    BEHIND_MAX = 32 << 20 /* who is so many bytes behind is let go */
};

struct message {
    atomic_int queues;
    size_t size;
    char text[HEAD + PIECE];
};

struct item {
    struct item *next;
    struct message *message;
};

struct guest {
    struct guest *next;
    int fd;
    char name[NAME_MAX_LEN];
    pthread_t writer;
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t more;
    struct item *first, **last;
    size_t behind;
    int leaving; /* nothing more is queued */
};

/* Taken before a guest's own lock. Nobody waits for a guest with it. */
static pthread_mutex_t room_lock = PTHREAD_MUTEX_INITIALIZER;
static struct guest *room;
static int threads = 1;
static int closing;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static int door;
static int wake[2];

/* --- queues --- */

static void drop(struct message *m)
{
    if (--m->queues == 0)
        free(m);
}

static void enqueue(struct guest *g, struct message *m)
{
    struct item *i = malloc(sizeof *i);

    pthread_mutex_lock(&g->lock);
    if (g->leaving) {
        free(i);
    } else if (i == NULL || g->behind > BEHIND_MAX) {
        free(i);
        shutdown(g->fd, SHUT_RDWR);
    } else {
        i->next = NULL;
        i->message = m;
        m->queues++;
        *g->last = i;
        g->last = &i->next;
        g->behind += m->size;
        pthread_cond_signal(&g->more);
    }
    pthread_mutex_unlock(&g->lock);
}

/* The next message, or NULL when she leaves and all has been sent. */
static struct message *dequeue(struct guest *g)
{
    struct message *m = NULL;
    struct item *i;

    pthread_mutex_lock(&g->lock);
    while (g->first == NULL && !g->leaving)
        pthread_cond_wait(&g->more, &g->lock);
    i = g->first;
    if (i != NULL) {
        m = i->message;
        g->first = i->next;
        if (g->first == NULL)
            g->last = &g->first;
        g->behind -= m->size;
        free(i);
    }
    pthread_mutex_unlock(&g->lock);
    return m;
}

/* The writer. After an error it still empties the queue. */
static void *deliver(void *arg)
{
    struct guest *g = arg;
    struct message *m;
    int dead = 0;

    while ((m = dequeue(g)) != NULL) {
        size_t done = 0;

        while (!dead && done < m->size) {
            ssize_t n = send(g->fd, m->text + done, m->size - done, 0);

            if (n > 0)
                done += n;
            else
                dead = errno != EINTR;
        }
        drop(m);
        if (dead)
            shutdown(g->fd, SHUT_RDWR);
    }
    return NULL;
}

/* --- guests --- */

static void count_threads(int by)
{
    pthread_mutex_lock(&room_lock);
    threads += by;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&room_lock);
}

/* Puts g into the room and starts her writer; if that fails she is not in. */
static int enter(struct guest *g)
{
    int err;

    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->more, NULL);
    g->last = &g->first;
    pthread_mutex_lock(&room_lock);
    err = closing ? ECANCELED : pthread_create(&g->writer, NULL, deliver, g);
    if (err == 0) {
        threads++;
        g->next = room;
        room = g;
    }
    pthread_mutex_unlock(&room_lock);
    return err;
}

/* She hears what is still in her queue; quit ends that too, for until then she
 * stays on the list. */
static void leave(struct guest *g)
{
    struct guest **p;

    pthread_mutex_lock(&g->lock);
    g->leaving = 1;
    pthread_cond_signal(&g->more);
    pthread_mutex_unlock(&g->lock);
    pthread_join(g->writer, NULL);
    pthread_mutex_lock(&room_lock);
    threads--;
    pthread_cond_signal(&changed);
    for (p = &room; *p != g; p = &(*p)->next)
        ;
    *p = g->next;
    pthread_mutex_unlock(&room_lock);
    close(g->fd);
    say(g->name, g->name, " left");
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->more);
    free(g);
}

static void publish(struct message *m)
{
    pthread_mutex_lock(&room_lock);
    for (struct guest *g = room; g != NULL; g = g->next)
        enqueue(g, m);
    pthread_mutex_unlock(&room_lock);
    drop(m);
}

static int is_quit(const char *s, size_t n)
{
    static const char word[] = "quit\r\n";

    return (n == 4 || n == 6) ? memcmp(s, word, n) == 0
                              : n == 5 && memcmp(s, "quit\n", 5) == 0;
}

/* The reader, who starts and ends the writer. */
static void *attend(void *arg)
{
    struct guest *g = arg;
    char in[PIECE], when[TIME_LEN];
    struct message *m;
    ssize_t n;

    say(g->name, g->name, " joined");
    for (;;) {
        n = recv(g->fd, in, sizeof in, 0);
        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0 || is_quit(in, n))
            break;
        m = malloc(sizeof *m);
        if (m == NULL)
            break;
        m->queues = 1; /* us */
        m->size =
            snprintf(m->text, HEAD, "[%s] %s ", clock_time(when), g->name);
        memcpy(m->text + m->size, in, n);
        m->size += n;
        publish(m);
    }
    leave(g);
    count_threads(-1);
    return NULL;
}

/* --- the door --- */

static void admit(int fd, const struct sockaddr_in *from)
{
    struct guest *g = calloc(1, sizeof *g);
    pthread_t t;
    int err;

    if (g == NULL) {
        close(fd);
        return;
    }
    g->fd = fd;
    endpoint(g->name, from);
    err = enter(g);
    if (err != 0) {
        say("accept", "turned away, for want of a writer: ", g->name);
        close(fd);
        free(g);
        return;
    }
    count_threads(1);
    if (pthread_create(&t, NULL, attend, g) == 0) {
        pthread_detach(t);
    } else {
        count_threads(-1);
        shutdown(fd, SHUT_RDWR);
        leave(g);
    }
}

static void *watch_door(void *arg)
{
    struct pollfd p[2] = {{wake[0], POLLIN, 0}, {door, POLLIN, 0}};
    struct sockaddr_in from;
    socklen_t size;
    int fd;

    for (;;) {
        poll(p, 2, -1);
        if (p[0].revents)
            return arg;
        size = sizeof from;
        fd = accept(door, (struct sockaddr *)&from, &size);
        if (fd >= 0) {
            fcntl(fd, F_SETFL, 0);
            admit(fd, &from);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            poll(p, 1, 1000);
        }
    }
}

static void report(void)
{
    pthread_mutex_lock(&room_lock);
    printf("threads: %d\n", threads);
    for (struct guest *g = room; g != NULL; g = g->next) {
        pthread_mutex_lock(&g->lock);
        if (!g->leaving)
            printf("%s\n", g->name);
        pthread_mutex_unlock(&g->lock);
    }
    pthread_mutex_unlock(&room_lock);
}

/* Returns when all have left. */
static void close_room(void)
{
    pthread_mutex_lock(&room_lock);
    closing = 1;
    for (struct guest *g = room; g != NULL; g = g->next)
        shutdown(g->fd, SHUT_RDWR);
    say("main", "stopping", "");
    while (threads > 2) /* main, and who watches the door */
        pthread_cond_wait(&changed, &room_lock);
    pthread_mutex_unlock(&room_lock);
}

int main(int argc, char *argv[])
{
    char line[256];
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    if (pipe(wake) == -1 || pthread_create(&t, NULL, watch_door, NULL) != 0)
        return 1;
    count_threads(1);
    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            close(wake[1]);
            close_room();
            break;
        }
        report();
    }
    pthread_join(t, NULL); /* without quit: never */
    close(door);
    close(wake[0]);
    return 0;
}
