/* A pool of 256 threads, made at the start: a connection waits in a queue for
 * the next one that is free. The acceptor looks at a flag, ten times a second. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
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
    PIECE = 1024,
    NAME_MAX_LEN = 32,
    TIME_LEN = 32
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
