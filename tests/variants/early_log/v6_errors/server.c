/* Says things as soon as it knows them: "joined" when accept() has returned,
 * long before the newcomer is in the room, for that is her own thread's work;
 * and "left" when recv() has told of her end, long before she is off the list.
 */
#include "listener.h"
#include <arpa/inet.h>
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

#define MESSAGE 1024

typedef struct member {
    int sock;
    char id[40];
    struct member *older, *newer;
} Member;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t empty;
    Member *newest;
    int threads; /* main is one */
    int over;
} house = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, 1, 0};

static int listener;
static int stop_pipe[2];

static void lock(void)
{
    pthread_mutex_lock(&house.mutex);
}

static void unlock(void)
{
    pthread_mutex_unlock(&house.mutex);
}

/* Returns 0 if the house is closed. */
static int go_in(Member *m)
{
    int open;

    lock();
    open = !house.over;
    if (open) {
        m->newer = NULL;
        m->older = house.newest;
        if (m->older != NULL)
            m->older->newer = m;
        house.newest = m;
    }
    unlock();
    return open;
}

static void go_out(Member *m)
{
    lock();
    if (m->older != NULL)
        m->older->newer = m->newer;
    if (m->newer != NULL)
        m->newer->older = m->older;
    else
        house.newest = m->older;
    unlock();
}

static void pass_on(const char *text, size_t size)
{
    lock();
    for (Member *m = house.newest; m != NULL; m = m->older) {
        size_t sent = 0;

        while (sent < size) {
            ssize_t n = send(m->sock, text + sent, size - sent, 0);

            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                break; /* recv() will tell her thread */
            sent += n;
        }
    }
    unlock();
}

static int is_quit(const char *text, size_t n)
{
    char word[8] = "";

    if (n > 6)
        return 0;
    memcpy(word, text, n);
    return memchr(text, '\0', n) == NULL
           && (!strcmp(word, "quit") || !strcmp(word, "quit\n")
               || !strcmp(word, "quit\r\n"));
}

static void *member_thread(void *arg)
{
    Member *m = arg;
    char in[MESSAGE], out[MESSAGE + 80];
    struct tm tm;
    time_t t;
    ssize_t n;
    size_t len;
    int inside = go_in(m);

    while (inside) {
        n = recv(m->sock, in, sizeof in, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || is_quit(in, n))
            break;
        t = time(NULL);
        len = strftime(out, 40, "[%F %T] ", localtime_r(&t, &tm));
        len += sprintf(out + len, "%s ", m->id);
        memcpy(out + len, in, n);
        pass_on(out, len + n);
    }
    note(m->id, "%s left", m->id);
    if (inside)
        go_out(m);
    close(m->sock);
    free(m);
    lock();
    house.threads--;
    pthread_cond_broadcast(&house.empty);
    unlock();
    return NULL;
}

static void meet(int sock, const struct sockaddr_in *sa)
{
    Member *m = malloc(sizeof *m);
    pthread_attr_t attr;
    pthread_t t;
    int err;

    if (m == NULL) {
        close(sock);
        return;
    }
    m->sock = sock;
    sprintf(m->id, "%s:%d", inet_ntoa(sa->sin_addr), ntohs(sa->sin_port));
    note("accept", "%s joined", m->id);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    lock();
    err = pthread_create(&t, &attr, member_thread, m);
    house.threads += err == 0;
    unlock();
    pthread_attr_destroy(&attr);
    if (err != 0) {
        note("accept", "%s left: %s", m->id, strerror(err));
        close(sock);
        free(m);
    }
}

static void *accept_thread(void *arg)
{
    struct pollfd p[2] = {{stop_pipe[0], POLLIN, 0}, {listener, POLLIN, 0}};

    while (poll(p, 2, -1) < 0 || p[0].revents == 0) {
        struct sockaddr_in sa;
        socklen_t len = sizeof sa;
        int sock = accept(listener, (struct sockaddr *)&sa, &len);

        if (sock >= 0) {
            fcntl(sock, F_SETFL, 0);
            meet(sock, &sa);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
            poll(p, 1, 400);
        }
    }
    return arg;
}

/* 1 after quit, 0 at the end of input. */
static int console(void)
{
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    int quit = 0;

    while (!quit) {
        printf("%s", isatty(0) ? ">>> " : "");
        fflush(stdout);
        n = getline(&line, &size, stdin);
        if (n < 0)
            break;
        line[strcspn(line, "\r\n")] = '\0';
        quit = strcmp(line, "quit") == 0;
        if (quit)
            break;
        lock();
        printf("threads: %d\n", house.threads);
        for (Member *m = house.newest; m != NULL; m = m->older)
            printf("%s\n", m->id);
        unlock();
    }
    free(line);
    return quit;
}

int main(int argc, char *argv[])
{
    pthread_t acceptor;

    listener = from_arguments(argc, argv);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    signal(SIGPIPE, SIG_IGN);
    if (pipe(stop_pipe) < 0)
        return 1;
    house.threads++;
    if (pthread_create(&acceptor, NULL, accept_thread, NULL) != 0)
        return 1;
    if (console())
        close(stop_pipe[1]);
    pthread_join(acceptor, NULL);
    lock();
    house.threads--;
    house.over = 1;
    for (Member *m = house.newest; m != NULL; m = m->older)
        shutdown(m->sock, SHUT_RDWR);
    note("main", "stopping");
    while (house.threads > 1)
        pthread_cond_wait(&house.empty, &house.mutex);
    unlock();
    close(listener);
    close(stop_pipe[0]);
    return 0;
}
