/* A thread for each guest; main accepts, and the console is a thread that ends
 * everything by exit() when it reads quit. The threads are counted in a
 * variable with a mutex. */
#include "listener.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct session {
    int socket;
    struct sockaddr_in peer;
};

static pthread_mutex_t counter_mutex = PTHREAD_MUTEX_INITIALIZER;
static int counter = 1;

/* Adds to the counter; returns what it is then. */
static int counted(int more)
{
    int now;

    pthread_mutex_lock(&counter_mutex);
    now = counter += more;
    pthread_mutex_unlock(&counter_mutex);
    return now;
}

static void create_thread(void *(*f)(void *), void *arg)
{
    pthread_t id;
    int err;

    counted(+1);
    err = pthread_create(&id, NULL, f, arg);
    if (err != 0) {
        fprintf(stderr, "pthread_create: %s\n", strerror(err));
        exit(EXIT_FAILURE);
    }
    pthread_detach(id);
}

/* Answers what is said; returns when that is not possible any more. */
static void talk(int fd, const char *name)
{
    char in[1024], head[100];
    struct tm tm;
    ssize_t n;

    while ((n = recv(fd, in, sizeof in, 0)) > 0) {
        time_t t = time(NULL);
        char out[sizeof head + sizeof in];
        size_t len =
            strftime(head, sizeof head, "[%F %T] ", localtime_r(&t, &tm));
        const char *p = out;

        len = sprintf(out, "%.*s%s ", (int)len, head, name);
        memcpy(out + len, in, n);
        for (len += n; len > 0; p += n, len -= n) {
            n = send(fd, p, len, 0);
            if (n < 0)
                return;
        }
    }
}

static void *session_thread(void *arg)
{
    struct session s = *(struct session *)arg;
    char ip[20], name[40];

    free(arg);
    inet_ntop(AF_INET, &s.peer.sin_addr, ip, sizeof ip);
    snprintf(name, sizeof name, "%s:%d", ip, ntohs(s.peer.sin_port));
    note(name, "* %s joined us", name);
    talk(s.socket, name);
    close(s.socket);
    note(name, "* %s left us", name);
    counted(-1);
    return NULL;
}

static void *console_thread(void *arg)
{
    char *line = NULL, text[100];
    size_t size = 0;
    int len;

    for (;;) {
        if (isatty(STDIN_FILENO) && write(STDOUT_FILENO, ">>> ", 4) != 4)
            break;
        if (getline(&line, &size, stdin) < 0)
            break;
        if (strcmp(line, "quit\n") == 0 || strcmp(line, "quit") == 0) {
            note("main", "stopping, good bye");
            exit(EXIT_SUCCESS);
        }
        len = snprintf(text, sizeof text, "We have %d threads (1 for me).\n",
                       counted(0));
        if (write(STDOUT_FILENO, text, len) != len)
            break;
    }
    free(line);
    counted(-1);
    return arg;
}

int main(int argc, char *argv[])
{
    int listener = from_arguments(argc, argv);

    signal(SIGPIPE, SIG_IGN);
    create_thread(console_thread, NULL);
    for (;;) {
        struct session *s = malloc(sizeof *s);
        socklen_t len = sizeof s->peer;

        if (s == NULL)
            abort();
        do {
            s->socket = accept(listener, (struct sockaddr *)&s->peer, &len);
            if (s->socket < 0)
                sleep(1); /* no descriptor, perhaps: somebody may leave */
        } while (s->socket < 0);
        create_thread(session_thread, s);
    }
}
