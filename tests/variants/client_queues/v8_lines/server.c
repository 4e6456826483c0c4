/* One thread for each guest, who receives her lines and puts them into the
 * queue of everyone; and one postman for all, who sends what waits. All queues
 * are bounded: who does not read is let go, and who speaks waits for the
 * postman where he is behind through no fault of the reader. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE
#include "door.h"
#include "queue.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINE = 64 << 10, /* the longest, its newline included */
    HEAD = 64,
    STACK = 1 << 20, /* two lines, and what ThreadSanitizer wants */
    GUESTS = 4096,
    EASY = 64 << 10, /* of this nobody takes notice */
    BEHIND_MAX = 1 << 20
};

struct guest {
    struct guest *next;
    int fd;
    char name[NAME_MAX_LEN];
    struct queue due;
    int full;    /* so was her socket, last time */
    int leaving; /* nothing more is due */
    int gone;    /* nothing at all is */
};

/* One speaks at a time; while one does, nobody enters or leaves. Taken before
 * the lock. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static struct guest *room;
static int threads = 1;
static int guests;
static int closing;
static int rung; /* the postman will look */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; /* threads has */
static pthread_cond_t eased = PTHREAD_COND_INITIALIZER;   /* a queue has */

static pthread_attr_t small_stack;
static int door;
static int wake[2];
static int bell[2];

/* --- queues, with the lock held --- */

static void let_go(struct guest *g, const char *why)
{
    if (g->gone)
        return;
    if (why != NULL)
        say(g->name, why, "");
    g->gone = 1;
    queue_drop(&g->due);
    shutdown(g->fd, SHUT_RDWR);
    pthread_cond_broadcast(&eased);
}

/* She does not read: her socket was full, and it still is. */
static int is_stuck(struct guest *g)
{
    struct pollfd p = {g->fd, POLLOUT, 0};

    return g->full && poll(&p, 1, 0) == 0;
}

/* The pool is empty. If all who hold blocks are stuck, the one who holds most
 * must go. */
static void find_space(void)
{
    struct guest *most = NULL;

    for (struct guest *g = room; g != NULL; g = g->next) {
        if (g->due.waiting == 0)
            continue;
        if (!g->full)
            return; /* There will be some soon. */
        if (most == NULL || g->due.waiting > most->due.waiting)
            most = g;
    }
    if (most != NULL && is_stuck(most))
        let_go(most, "too slow");
}

/* Whether something may be put into her queue, now. */
static int has_space(struct guest *g)
{
    if (g->due.waiting > BEHIND_MAX && is_stuck(g))
        let_go(g, "too slow");
    if (!queue_space())
        find_space();
    return !g->gone && queue_space()
           && (g->due.waiting <= EASY
               || (g->full && g->due.waiting <= BEHIND_MAX));
}

static void ring(void)
{
    if (!rung && write(bell[1], "", 1) == 1)
        rung = 1;
}

static void enqueue(struct guest *g, const char *s, size_t n)
{
    while (n > 0 && !g->gone && !closing) {
        size_t k;

        if (!has_space(g)) {
            ring();
            if (!g->gone)
                pthread_cond_wait(&eased, &lock);
            continue;
        }
        k = queue_add(&g->due, s, n);
        s += k;
        n -= k;
    }
}

/* Sends what is due to g, until her socket is full. */
static void deliver(struct guest *g)
{
    g->full = 0;
    while (g->due.waiting > 0 && !g->full && !g->gone) {
        size_t n;
        const char *s = queue_peek(&g->due, &n);
        ssize_t k = send(g->fd, s, n, MSG_DONTWAIT);

        if (k > 0)
            queue_take(&g->due, k);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            g->full = 1;
        else if (errno != EINTR)
            let_go(g, NULL);
    }
}

/* Returns how many there are to wait for, the bell among them. */
static nfds_t make_round(struct pollfd *fds)
{
    nfds_t n = 1;

    fds[0] = (struct pollfd){bell[0], POLLIN, 0};
    for (struct guest *g = room; g != NULL; g = g->next) {
        deliver(g);
        if (g->full && !g->gone)
            fds[n++] = (struct pollfd){g->fd, POLLOUT, 0};
    }
    pthread_cond_broadcast(&eased);
    return n;
}

/* The postman, who goes when the last guest has. */
static void *carry(void *arg)
{
    static struct pollfd fds[1 + GUESTS];
    char byte;

    pthread_mutex_lock(&lock);
    while (!closing || guests > 0) {
        nfds_t n = make_round(fds);

        pthread_mutex_unlock(&lock);
        poll(fds, n, -1);
        pthread_mutex_lock(&lock);
        if (fds[0].revents && read(bell[0], &byte, 1) == 1)
            rung = 0;
    }
    threads--;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
    return arg;
}

/* --- guests --- */

static void count_threads(int by)
{
    pthread_mutex_lock(&lock);
    threads += by;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

/* Returns -1 if there is no place. */
static int enter(struct guest *g)
{
    int full;

    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    full = closing || guests == GUESTS;
    if (!full) {
        guests++;
        g->next = room;
        room = g;
    }
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&turn);
    return full ? -1 : 0;
}

/* She hears what is still due to her. */
static void leave(struct guest *g)
{
    struct guest **p;

    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    g->leaving = 1;
    pthread_mutex_unlock(&turn);
    while (g->due.waiting > 0 && !g->gone)
        pthread_cond_wait(&eased, &lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    for (p = &room; *p != g; p = &(*p)->next)
        ;
    *p = g->next;
    guests--;
    queue_drop(&g->due);
    pthread_cond_broadcast(&eased);
    ring();
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&turn);
    close(g->fd);
    say(g->name, g->name, " left");
    free(g);
}

/* Who does not listen is not listened to. Returns -1 if she is gone. */
static int publish(struct guest *from, const char *s, size_t n)
{
    int over;

    pthread_mutex_lock(&lock);
    while (from->due.waiting > EASY && !from->gone)
        pthread_cond_wait(&eased, &lock);
    over = from->gone || closing;
    pthread_mutex_unlock(&lock);
    if (over)
        return -1;
    pthread_mutex_lock(&turn);
    pthread_mutex_lock(&lock);
    for (struct guest *g = room; g != NULL; g = g->next)
        if (!g->leaving)
            enqueue(g, s, n);
    ring();
    pthread_mutex_unlock(&lock);
    pthread_mutex_unlock(&turn);
    return 0;
}

static int is_quit(const char *s, size_t n)
{
    static const char word[] = "quit\r\n";

    return (n == 4 || n == 6) ? memcmp(s, word, n) == 0
                              : n == 5 && memcmp(s, "quit\n", 5) == 0;
}

/* Says one line, its head before it. */
static int say_line(struct guest *g, const char *line, size_t n)
{
    char text[HEAD + LINE], when[TIME_LEN];
    int head;

    if (is_quit(line, n))
        return -1;
    head = snprintf(text, HEAD, "[%s] %s ", clock_time(when), g->name);
    memcpy(text + head, line, n);
    return publish(g, text, head + n);
}

/* Says the lines in the first n bytes of in. Returns how many bytes are left,
 * moved to the front, or -1 if she is to go. */
static ssize_t say_lines(struct guest *g, char *in, size_t n)
{
    char *line = in, *end;

    while ((end = memchr(line, '\n', in + n - line)) != NULL) {
        if (say_line(g, line, end + 1 - line) == -1)
            return -1;
        line = end + 1;
    }
    n -= line - in;
    memmove(in, line, n);
    if (n == LINE) {
        say(g->name, "line too long", "");
        return -1;
    }
    return n;
}

static void listen_to(struct guest *g)
{
    char in[LINE];
    ssize_t n, left = 0;

    while (left >= 0) {
        n = recv(g->fd, in + left, sizeof in - left, 0);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == 0 && left > 0) { /* a piece: it is a line, too */
            in[left++] = '\n';
            say_line(g, in, left);
        }
        if (n <= 0)
            return;
        left = say_lines(g, in, left + n);
    }
}

static void *attend(void *arg)
{
    struct guest *g = arg;

    say(g->name, g->name, " joined");
    listen_to(g);
    leave(g);
    count_threads(-1);
    return NULL;
}

/* --- the door --- */

static void admit(int fd, const struct sockaddr_in *from)
{
    struct guest *g = calloc(1, sizeof *g);
    pthread_t t;

    if (g == NULL) {
        close(fd);
        return;
    }
    g->fd = fd;
    endpoint(g->name, from);
    if (enter(g) == -1) {
        say("accept", "turned away, for want of a place: ", g->name);
        close(fd);
        free(g);
        return;
    }
    count_threads(1);
    if (pthread_create(&t, &small_stack, attend, g) == 0) {
        pthread_detach(t);
    } else {
        count_threads(-1);
        pthread_mutex_lock(&lock);
        let_go(g, NULL);
        pthread_mutex_unlock(&lock);
        leave(g);
    }
}

static void *watch_door(void *arg)
{
    struct pollfd p[2] = {{wake[0], POLLIN, 0}, {door, POLLIN, 0}};
    struct sockaddr_in from;
    socklen_t size;
    int fd, yes = 1;

    for (;;) {
        poll(p, 2, -1);
        if (p[0].revents)
            return arg;
        size = sizeof from;
        fd = accept(door, (struct sockaddr *)&from, &size);
        if (fd >= 0) {
            fcntl(fd, F_SETFL, 0);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            admit(fd, &from);
        } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            poll(p, 1, 1000);
        }
    }
}

/* Nobody may read our stdout: it is written to without the lock. */
static void report(void)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (f == NULL)
        return;
    pthread_mutex_lock(&lock);
    fprintf(f, "threads: %d\n", threads);
    for (struct guest *g = room; g != NULL; g = g->next)
        if (!g->leaving)
            fprintf(f, "%s\n", g->name);
    pthread_mutex_unlock(&lock);
    fclose(f);
    fputs(text, stdout);
    free(text);
}

/* Returns when all have left. */
static void close_room(void)
{
    pthread_mutex_lock(&lock);
    closing = 1;
    for (struct guest *g = room; g != NULL; g = g->next)
        let_go(g, NULL);
    ring();
    say("main", "stopping", "");
    while (threads > 2) /* main, and who watches the door */
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* Returns after quit, or when the input ends. */
static void obey(void)
{
    char line[256];

    for (;;) {
        if (isatty(STDIN_FILENO))
            printf(">>> ");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            return;
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            close(wake[1]);
            close_room();
            return;
        }
        report();
    }
}

int main(int argc, char *argv[])
{
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    fcntl(door, F_SETFL, O_NONBLOCK);
    pthread_attr_init(&small_stack);
    pthread_attr_setstacksize(&small_stack, STACK);
    if (pipe(wake) == -1 || pipe(bell) == -1
        || pthread_create(&t, NULL, carry, NULL) != 0 || pthread_detach(t) != 0
        || pthread_create(&t, NULL, watch_door, NULL) != 0)
        return 1;
    count_threads(2);
    obey();
    pthread_join(t, NULL); /* without quit: never */
    pthread_attr_destroy(&small_stack);
    close(door);
    close(wake[0]);
    close(bell[0]);
    close(bell[1]);
    return 0;
}
