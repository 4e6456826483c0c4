/* The room is a table, and a guest's place in it is her descriptor: nobody is
 * ever searched for. A thread for each guest, and one lock for the table. */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLACES = 4096, PIECE = 1024, NAME_MAX_LEN = 32, TIME_LEN = 32 };

struct place {
    int taken;
    char name[NAME_MAX_LEN];
};

static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct place table[PLACES]; /* with the lock */
static int highest = -1;           /* with the lock: none above is taken */
static int threads = 2;            /* with the lock: main and the acceptor */
static int over;                   /* with the lock */
static int door;
static int bell[2]; /* a pipe that wakes the acceptor */

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

/* --- the table --- */

static void take_place(int fd, const char *name)
{
    pthread_mutex_lock(&table_lock);
    table[fd].taken = 1;
    strcpy(table[fd].name, name);
    if (fd > highest)
        highest = fd;
    threads++;
    if (over)
        shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&table_lock);
    say("accept", name, " joined");
}

/* Closes fd with the lock held: so nobody writes to who gets it next. */
static void leave_place(int fd)
{
    char name[NAME_MAX_LEN];

    pthread_mutex_lock(&table_lock);
    strcpy(name, table[fd].name);
    table[fd].taken = 0;
    while (highest >= 0 && !table[highest].taken)
        highest--;
    close(fd);
    say(name, name, " left");
    threads--;
    pthread_mutex_unlock(&table_lock);
}

static void spread(const char *text, size_t n)
{
    pthread_mutex_lock(&table_lock);
    for (int fd = 0; fd <= highest; fd++) {
        const char *p = text, *end = text + n;

        while (table[fd].taken && p < end) {
            ssize_t done = send(fd, p, end - p, 0);

            if (done == -1)
                break; /* her own thread will hear of it */
            p += done;
        }
    }
    pthread_mutex_unlock(&table_lock);
}

static void list(void)
{
    pthread_mutex_lock(&table_lock);
    printf("%d threads\n", threads);
    for (int fd = 0; fd <= highest; fd++)
        if (table[fd].taken)
            printf("%s\n", table[fd].name);
    pthread_mutex_unlock(&table_lock);
}

/* --- threads --- */

static int is_farewell(const char *s, ssize_t n)
{
    static const char *const words[] = {"quit", "quit\n", "quit\r\n"};

    for (int i = 0; i < 3; i++)
        if ((size_t)n == strlen(words[i]) && memcmp(s, words[i], n) == 0)
            return 1;
    return 0;
}

static void *guest(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char in[PIECE], out[64 + PIECE], when[TIME_LEN];
    ssize_t n;
    int head;

    while ((n = recv(fd, in, sizeof in, 0)) > 0 && !is_farewell(in, n)) {
        head = snprintf(out, 64, "[%s] %s ", clock_time(when), table[fd].name);
        memcpy(out + head, in, n);
        spread(out, head + n);
    }
    leave_place(fd);
    return NULL;
}

static void *acceptor(void *arg)
{
    struct pollfd p[2] = {{door, POLLIN, 0}, {bell[0], POLLIN, 0}};
    struct sockaddr_in from;
    socklen_t size;
    char name[NAME_MAX_LEN];
    pthread_t t;
    int fd;

    for (;;) {
        poll(p, 2, -1);
        if (p[1].revents)
            break;
        size = sizeof from;
        fd = accept(door, (struct sockaddr *)&from, &size);
        if (fd == -1 || fd >= PLACES) {
            say("accept", "accept: ", fd == -1 ? strerror(errno) : "full");
            if (fd != -1)
                close(fd);
            poll(p + 1, 1, 500);
            continue;
        }
        endpoint(name, &from);
        take_place(fd, name);
        if (pthread_create(&t, NULL, guest, (void *)(intptr_t)fd) == 0)
            pthread_detach(t);
        else
            leave_place(fd);
    }
    close(door);
    pthread_mutex_lock(&table_lock);
    threads--;
    pthread_mutex_unlock(&table_lock);
    return arg;
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

static void stop(void)
{
    pthread_mutex_lock(&table_lock);
    over = 1;
    for (int fd = 0; fd <= highest; fd++)
        if (table[fd].taken)
            shutdown(fd, SHUT_RDWR);
    pthread_mutex_unlock(&table_lock);
    if (write(bell[1], "!", 1) == 1)
        say("main", "stopping", "");
}

int main(int argc, char *argv[])
{
    char line[200];
    pthread_t t;

    signal(SIGPIPE, SIG_IGN);
    door = start(argc, argv);
    if (pipe(bell) == -1 || pthread_create(&t, NULL, acceptor, NULL) != 0) {
        perror("server");
        return 1;
    }
    pthread_detach(t);
    for (;;) {
        printf("%s", isatty(STDIN_FILENO) ? ">>> " : "");
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "quit") == 0) {
            stop();
            break;
        }
        list();
    }
    pthread_exit(NULL); /* the process ends with its last thread */
}
