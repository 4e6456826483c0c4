/* quit by signal: SIGUSR1 is blocked everywhere, but for the time that a thread
 * waits in pselect(): so it can only ever interrupt a wait, and never misses
 * one. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
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

enum { PIECE = 1024, NAME_MAX_LEN = 32, TIME_LEN = 32 };

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

static const char *clock_time(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    strftime(buf, TIME_LEN, "%Y-%m-%d %H:%M:%S", localtime_r(&t, &tm));
    return buf;
}

/* One event: one line, in one write. */
static void say(const char *who, const char *what, const char *more)
{
    char when[TIME_LEN], line[512];
    int n = snprintf(line, sizeof line, "%s %s %s%s\n", clock_time(when), who,
                     what, more);

    if (write(STDERR_FILENO, line, n) == -1)
        return; /* nobody reads the log: no reason to end */
}

static void endpoint(char *name, const struct sockaddr_in *a)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip);
    snprintf(name, NAME_MAX_LEN, "%s:%u", ip, ntohs(a->sin_port));
}

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

/* --- starting --- */

static void refuse(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "server: %s:%s: %s\n", host, port, why);
    exit(1);
}

/* A socket that listens on host:port; there is no other way back. */
static int open_door(const char *host, const char *port)
{
    struct addrinfo hints, *found;
    struct sockaddr_in here;
    socklen_t size = sizeof here;
    char name[NAME_MAX_LEN];
    int s, err, yes = 1;

    if (port[0] == '\0' || strspn(port, "0123456789") != strlen(port)
        || strtol(port, NULL, 10) > 65535)
        refuse(host, port, "not a port number (0 to 65535)");
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    err = getaddrinfo(host, port, &hints, &found);
    if (err != 0)
        refuse(host, port, gai_strerror(err));
    s = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (s == -1
        || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1
        || bind(s, found->ai_addr, found->ai_addrlen) == -1
        || listen(s, SOMAXCONN) == -1)
        refuse(host, port, strerror(errno));
    freeaddrinfo(found);
    getsockname(s, (struct sockaddr *)&here, &size);
    endpoint(name, &here);
    say("main", "listening on ", name);
    return s;
}

/* The command line: a listening socket, or the end. */
static int start(int argc, char *argv[])
{
    static const char usage[] = "Usage: server [[HOST] PORT]\n";

    if (argc == 2 && strcmp(argv[1], "-h") == 0) {
        fputs(usage, stdout);
        exit(0);
    }
    if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fputs(usage, stderr);
        exit(2);
    }
    if (argc == 3)
        return open_door(argv[1], argv[2]);
    return open_door("localhost", argc == 2 ? argv[1] : "9999");
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
