/* client: talks and listens at once, and comes back when the server does. */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    /* One recv() is one piece. TCP keeps no boundaries: a line, or even a
     * letter, that is split over two pieces is shown on two lines. */
    PIECE_SIZE = 16384,
    PATIENCE = 2,     /* seconds that a server gets to let us go */
    DELAY_MAX = 30,   /* seconds between two attempts to connect */
    NAME_SIZE = 64,   /* an IPv6 address, with its interface */
    WHERE_SIZE = 300, /* "HOST:PORT" as typed, cut when longer */
    STATUS_SIZE = 400 /* a line of our own, with WHERE in it */
};

struct line {
    struct line *next;
    size_t n;
    char text[];
};

/* Set before there are threads, and only read from then on. */
static char where[WHERE_SIZE];
static struct addrinfo *addrs; /* found once: a server that moves is lost */
static int terminal;           /* stdout is one */
static int prompting;          /* and so is stdin */

static int delay = 1; /* the next one; belongs to the receive thread */

/* Guards stdout. Whoever takes both locks takes the other one first. */
static pthread_mutex_t screen = PTHREAD_MUTEX_INITIALIZER;

/* Guards all that follows; the condition is that some of it has changed. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int fd = -1;        /* where to send; -1: not connected */
static int sending;        /* main is in send(): leave fd open */
static struct line *lines; /* typed, and not sent */
static struct line **last = &lines;
static size_t unsent; /* how many they are */
static int met;       /* we have been connected */
static int ended;     /* there is no more to read on stdin, */
static int quit;      /* because its last line was quit */
static int over;      /* the receive thread does not try again */

/* For what we cannot start or go on without; never for a lost server. */
static void die(const char *what, const char *why)
{
    fprintf(stderr, "client: %s: %s\n", what, why);
    exit(1);
}

/* Waits until *flag is set, for s seconds at most. Called with the lock. */
static void wait_for(const int *flag, int s)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_sec += s;
    while (!*flag && pthread_cond_timedwait(&changed, &lock, &t) == 0)
        ;
}

/* Shows n bytes on lines of their own, in the place of the prompt, which
 * comes again below; what was typed behind it is still in the terminal. */
static void show(FILE *to, const char *s, size_t n)
{
    pthread_mutex_lock(&screen);
    if (prompting)
        fputs("\r\033[K", stdout);
    fflush(stdout);
    fwrite(s, 1, n, to);
    if (n > 0 && s[n - 1] != '\n')
        putc('\n', to);
    if (prompting)
        fputs(">>> ", stdout);
    if (fflush(stdout) != 0 || ferror(stdout))
        die("stdout", strerror(errno));
    pthread_mutex_unlock(&screen);
}

/* Nobody in the room may steer somebody else's terminal: control characters
 * become ?, those too that UTF-8 writes as C2 80 to C2 9F. */
static void disarm(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = s[i], before = i > 0 ? s[i - 1] : 0;
        int ends_line = c == '\r' && i + 1 < n && s[i + 1] == '\n';

        if (c == '\n' || c == '\t' || ends_line)
            continue;
        if (iscntrl(c) || (before == 0xC2 && c >= 0x80 && c <= 0x9F))
            s[i] = '?';
    }
}

static int is_quit(const char *msg, size_t n)
{
    if (n > 0 && msg[n - 1] == '\n')
        n--;
    if (n > 0 && msg[n - 1] == '\r')
        n--;
    return n == 4 && memcmp(msg, "quit", 4) == 0;
}

/* Sends all n bytes, however long it takes; -1 when the server is gone. */
static int send_all(int to, const char *buf, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(to, buf, n, 0);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        buf += sent;
        n -= sent;
    }
    return 0;
}

/* Puts a line behind those that wait. There may be any number of them, for
 * we read on, even a big file, lest we miss the quit that follows. */
static void keep(const char *text, size_t n)
{
    struct line *l = malloc(sizeof *l + n + 1);

    if (l == NULL)
        die("malloc", strerror(errno));
    memcpy(l->text, text, n);
    if (text[n - 1] != '\n')
        l->text[n++] = '\n';
    l->n = n;
    l->next = NULL;
    pthread_mutex_lock(&lock);
    *last = l;
    last = &l->next;
    unsent++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits for the receive thread as long as lines go out, and a little longer:
 * some servers never end a connection. Then ends the process, and not by
 * exit(3), which may wait for a stdout that is stuck. Called with the lock. */
static void leave(void)
{
    size_t before;

    do {
        before = unsent;
        wait_for(&over, PATIENCE);
    } while (unsent < before);
    if (prompting && printf("\r\033[K") > 0)
        fflush(stdout);
    if (unsent > 0)
        fprintf(stderr, "client: %zu line%s not sent\n", unsent,
                unsent == 1 ? " was" : "s were");
    _exit(!quit && (unsent > 0 || !met));
}

/* The thread that reads what is typed. */
static void *type_loop(void *arg)
{
    char *text = NULL;
    size_t size = 0;
    ssize_t n;

    (void)arg;
    for (;;) {
        if (prompting)
            show(stdout, "", 0);
        n = getline(&text, &size, stdin);
        if (n < 0 || is_quit(text, n))
            break;
        keep(text, n);
    }
    free(text);
    pthread_mutex_lock(&lock);
    ended = 1;
    quit = n > 0;
    pthread_cond_broadcast(&changed);
    if (quit)
        leave(); /* Main may be stuck in send(), or wait in vain. */
    pthread_mutex_unlock(&lock);
    return NULL;
}

/* Called with the lock, and gives it up while in send(): that may last until
 * we have received what the server sends. A line that fails is kept for the
 * next connection: some of it may arrive twice. And one that send() took may
 * be lost with the connection: TCP does not tell what has arrived. */
static void send_first(void)
{
    struct line *l = lines;
    int to = fd, failed;

    sending = 1;
    pthread_mutex_unlock(&lock);
    failed = send_all(to, l->text, l->n) < 0;
    pthread_mutex_lock(&lock);
    sending = 0;
    if (failed) {
        shutdown(to, SHUT_RDWR); /* so that the receive thread sees it */
        fd = -1;
    } else {
        lines = l->next;
        if (lines == NULL)
            last = &lines;
        unsent--;
        free(l);
    }
    pthread_cond_broadcast(&changed);
}

/* Sends what is typed, then says that no more will come, and leaves once the
 * server has said so, too: who closes earlier may reset the connection. */
static void send_loop(void)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!over && (fd < 0 || (lines == NULL && !ended)))
            pthread_cond_wait(&changed, &lock);
        if (over || lines == NULL)
            break;
        send_first();
    }
    if (!over)
        shutdown(fd, SHUT_WR);
    leave();
}

static void say_connected(const struct addrinfo *a)
{
    char ip[NAME_SIZE] = "", port[NAME_SIZE] = "", line[STATUS_SIZE];

    getnameinfo(a->ai_addr, a->ai_addrlen, ip, sizeof ip, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(line, sizeof line,
             strchr(ip, ':') != NULL ? "client: connected to [%s]:%s\n"
                                     : "client: connected to %s:%s\n",
             ip, port);
    show(stderr, line, strlen(line));
}

/* Tries each address; returns a socket, or -1 and the errno of the first one,
 * which is the one that the system likes best. */
static int dial(void)
{
    int err = 0;

    for (struct addrinfo *a = addrs; a != NULL; a = a->ai_next) {
        int s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);

        if (s >= 0 && connect(s, a->ai_addr, a->ai_addrlen) == 0) {
            say_connected(a);
            return s;
        }
        if (err == 0)
            err = errno;
        if (s >= 0)
            close(s);
    }
    errno = err;
    return -1;
}

/* Shows what comes until the end, and returns 0, or -1 and errno. Only a
 * server that was heard is dialled soon again: one that takes us and drops us
 * is left alone for longer each time. */
static ssize_t receive(int s)
{
    char piece[PIECE_SIZE];
    ssize_t n;

    for (;;) {
        n = recv(s, piece, sizeof piece, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n;
        if (terminal)
            disarm(piece, n);
        show(stdout, piece, n);
        delay = 1;
    }
}

/* Lets main send to s; or, if s is -1, has main out of send() when this
 * returns: what it sent to may be closed then, and its number used again. */
static void lend(int s)
{
    pthread_mutex_lock(&lock);
    fd = s;
    met = met || s >= 0;
    pthread_cond_broadcast(&changed);
    while (s < 0 && sending)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

/* One connection from beginning to end; returns why it ended. */
static const char *visit(void)
{
    const char *why = "the server closed the connection";
    int s = dial();

    if (s < 0)
        return strerror(errno);
    send_all(s, "say hello\n", 10); /* if this fails recv() tells */
    lend(s);
    if (receive(s) < 0)
        why = strerror(errno);
    shutdown(s, SHUT_RDWR); /* wakes main if it is in send() */
    lend(-1);
    close(s);
    return why;
}

/* Says why we are not connected and rests; returns whether to try again. When
 * input has ended there is nobody left to try for; but if it ends while we
 * rest, what was typed gets one last attempt, at once. */
static int try_again(const char *why)
{
    char line[STATUS_SIZE];
    int again;

    pthread_mutex_lock(&lock);
    again = !ended;
    snprintf(line, sizeof line,
             again ? "client: %s: %s; trying again in %d s\n"
                   : "client: %s: %s\n",
             where, why, delay);
    if (again || unsent > 0 || !met)
        show(stderr, line, strlen(line));
    wait_for(&ended, delay);
    again = again && (!ended || unsent > 0);
    over = !again;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    delay = 2 * delay > DELAY_MAX ? DELAY_MAX : 2 * delay;
    return again;
}

/* The thread that receives. */
static void *receive_loop(void *arg)
{
    (void)arg;
    while (try_again(visit()))
        ;
    return NULL;
}

static void spawn(void *(*start)(void *))
{
    pthread_t thread;
    int err = pthread_create(&thread, NULL, start, NULL);

    if (err != 0)
        die("pthread_create", strerror(err));
    pthread_detach(thread);
}

/* strtol(3), because getaddrinfo(3) takes 99999 and http. */
static int is_port(const char *s)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0')
        return 0;
    return strtol(s, NULL, 10) > 0 && strtol(s, NULL, 10) <= 65535;
}

/* Finds the addresses of host:port, or dies and says why. */
static void look_up(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int err;

    snprintf(where, sizeof where, "%s:%s", host, port);
    if (!is_port(port))
        die(where, "a port is a number from 1 to 65535");
    err = getaddrinfo(host, port, &hints, &addrs);
    if (err != 0)
        die(where, gai_strerror(err));
}

int main(int argc, char *argv[])
{
    const char *host = argc > 2 ? argv[1] : "localhost";
    const char *port = argc > 1 ? argv[argc - 1] : "9999";
    int help = argc == 2 && strcmp(argv[1], "-h") == 0;

    if (help || argc > 3 || (argc > 1 && argv[1][0] == '-')) {
        fprintf(help ? stdout : stderr,
                "usage: client [PORT] | client HOST PORT"
                "  (localhost and 9999 when left out)\n");
        if (help)
            printf("Each line you type is sent; quit or Ctrl-D leaves.\n"
                   "What arrives hides the line being typed: Ctrl-R shows"
                   " it again.\n");
        return help ? 0 : 2;
    }
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    look_up(host, port);
    terminal = isatty(STDOUT_FILENO);
    prompting = terminal && isatty(STDIN_FILENO);
    spawn(type_loop);
    spawn(receive_loop);
    send_loop();
}
