/* Threads are joined, not detached: one that is done writes its number into a
 * pipe, and main, which also accepts, joins it. The console is a thread too,
 * and says quit through the same pipe. */
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

#define SEATS 1000
#define BUF 1024

enum { QUIT = -1, CONSOLE = -2 }; /* what else the pipe may say */

struct seat {
    int used, fd; /* fd is -1 once she has left; with the lock */
    pthread_t thread;
    char name[32];
};

static struct seat seats[SEATS]; /* seated and cleared by main alone */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int mail[2];
static atomic_int running_threads = 1;

/* Tells main; atomic, being short. */
static void post(int what)
{
    while (write(mail[1], &what, sizeof what) < 0 && errno == EINTR)
        ;
}

static void send_all(int fd, const char *p, size_t left)
{
    while (left > 0) {
        ssize_t n = send(fd, p, left, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            shutdown(fd, SHUT_RDWR);
            return;
        }
        p += n;
        left -= n;
    }
}

static void broadcast(const char *text, size_t size)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SEATS; i++)
        if (seats[i].used && seats[i].fd >= 0)
            send_all(seats[i].fd, text, size);
    pthread_mutex_unlock(&lock);
}

static int is_quit(const char *text, ssize_t n)
{
    return (n == 4 || (n == 5 && text[4] == '\n')
            || (n == 6 && text[4] == '\r' && text[5] == '\n'))
           && memcmp(text, "quit", 4) == 0;
}

static void *guest(void *arg)
{
    struct seat *s = arg;
    char in[BUF], out[BUF + 100];
    struct tm tm;
    ssize_t n;

    for (;;) {
        time_t t;
        size_t len;

        n = recv(s->fd, in, sizeof in, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || is_quit(in, n))
            break;
        t = time(NULL);
        len = strftime(out, 50, "[%F %T] ", localtime_r(&t, &tm));
        len += sprintf(out + len, "%s ", s->name);
        memcpy(out + len, in, n);
        broadcast(out, len + n);
    }
    pthread_mutex_lock(&lock);
    close(s->fd);
    s->fd = -1;
    pthread_mutex_unlock(&lock);
    note(s->name, "%s left%s", s->name, n < 0 ? ", by an error" : "");
    running_threads--;
    post((int)(s - seats));
    return NULL;
}

static void *console(void *arg)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int quit = 0;

    while (!quit) {
        if (isatty(0)) {
            printf(">>> ");
            fflush(stdout);
        }
        n = getline(&line, &size, stdin);
        if (n < 0)
            break;
        quit = strcmp(line, "quit\n") == 0 || strcmp(line, "quit") == 0;
        if (quit)
            break;
        printf("running: %d threads\n", running_threads);
        pthread_mutex_lock(&lock);
        for (int i = 0; i < SEATS; i++)
            if (seats[i].used && seats[i].fd >= 0)
                printf("%s\n", seats[i].name);
        pthread_mutex_unlock(&lock);
        fflush(stdout);
    }
    free(line);
    running_threads--;
    post(quit ? QUIT : CONSOLE);
    return arg;
}

/* --- main --- */

/* A seat that is free, or NULL. */
static struct seat *find_seat(void)
{
    for (int i = 0; i < SEATS; i++)
        if (!seats[i].used)
            return &seats[i];
    return NULL;
}

static void set_used(struct seat *s, int used)
{
    pthread_mutex_lock(&lock);
    s->used = used;
    pthread_mutex_unlock(&lock);
}

/* Returns 0 if there are no descriptors: then it is better to wait. */
static int admit(int listener)
{
    struct sockaddr_in sa;
    socklen_t len = sizeof sa;
    int err, fd = accept(listener, (struct sockaddr *)&sa, &len);
    struct seat *s = find_seat();

    if (fd < 0)
        return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED;
    if (s == NULL) {
        close(fd);
        return 1;
    }
    fcntl(fd, F_SETFL, 0);
    s->fd = fd;
    sprintf(s->name, "%s:%d", inet_ntoa(sa.sin_addr), ntohs(sa.sin_port));
    note("accept", "%s joined", s->name);
    set_used(s, 1);
    running_threads++;
    err = pthread_create(&s->thread, NULL, guest, s);
    if (err != 0) {
        running_threads--;
        set_used(s, 0);
        close(fd);
        note("accept", "%s left: %s", s->name, strerror(err));
    }
    return 1;
}

int main(int argc, char *argv[])
{
    pthread_t console_thread;
    int word, shut = 0, quit = 0, guests = 0;
    struct pollfd p[2];

    signal(SIGPIPE, SIG_IGN);
    p[1].fd = from_arguments(argc, argv);
    fcntl(p[1].fd, F_SETFL, O_NONBLOCK);
    if (pipe(mail) < 0)
        return 1;
    p[0].fd = mail[0];
    running_threads++;
    if (pthread_create(&console_thread, NULL, console, NULL) != 0)
        return 1;
    while (!quit) {
        p[0].events = POLLIN;
        p[1].events = shut ? 0 : POLLIN;
        p[0].revents = p[1].revents = 0;
        poll(p, 2, shut ? 1000 : -1);
        shut = 0;
        if (p[1].revents)
            shut = !admit(p[1].fd);
        if (p[0].revents == 0)
            continue;
        if (read(mail[0], &word, sizeof word) != sizeof word)
            continue;
        quit = word == QUIT;
        if (word == QUIT || word == CONSOLE) {
            pthread_join(console_thread, NULL);
        } else {
            pthread_join(seats[word].thread, NULL);
            set_used(&seats[word], 0);
        }
    }
    pthread_mutex_lock(&lock);
    for (int i = 0; i < SEATS; i++) {
        guests += seats[i].used;
        if (seats[i].used && seats[i].fd >= 0)
            shutdown(seats[i].fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&lock);
    note("main", "stopping; %d threads to be joined", guests);
    while (guests > 0 && read(mail[0], &word, sizeof word) == sizeof word) {
        pthread_join(seats[word].thread, NULL);
        guests--;
    }
    close(p[1].fd);
    close(mail[0]);
    close(mail[1]);
    note("main", "all have left");
    return 0;
}
