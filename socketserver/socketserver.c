/* socketserver: a loop around poll(), and a table of functions to change. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* for MSG_DONTWAIT on macOS */
#include "socketserver.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    WOKEN = 1,     /* what await() saw: server_shutdown, */
    READY = 2,     /* or that there is something to read */
    REST = 1000,   /* ms */
    TICK = 10,     /* ms */
    TIME_SIZE = 20 /* "2026-11-23 06:44:56" */
};

/* --- addresses --- */

/* strtol(3), because getaddrinfo(3) takes 99999 and http. */
static int is_port(const char *s)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0')
        return 0;
    return strtol(s, NULL, 10) <= 65535;
}

static const char *path_of(const struct address *a)
{
    return ((const struct sockaddr_un *)&a->addr)->sun_path;
}

/* An address is zeroed before it is filled, so a path ends with a NUL; a Unix
 * socket that is not bound has none. */
static void name_address(struct address *a)
{
    char host[64] = "?", port[8] = "?";

    if (a->addr.ss_family == AF_INET || a->addr.ss_family == AF_INET6) {
        getnameinfo((struct sockaddr *)&a->addr, a->len, host, sizeof host,
                    port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
        snprintf(a->name, ADDRESS_SIZE,
                 strchr(host, ':') != NULL ? "[%s]:%s" : "%s:%s", host, port);
    } else {
        snprintf(a->name, ADDRESS_SIZE, "%s", path_of(a));
    }
    if (a->name[0] == '\0')
        strcpy(a->name, "unnamed");
}

const char *inet_address(struct address *a, const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    int err;

    if (!is_port(port))
        return "a port is a number from 0 to 65535";
    err = getaddrinfo(host, port, &hints, &ai);
    if (err != 0)
        return gai_strerror(err);
    memset(a, 0, sizeof *a);
    memcpy(&a->addr, ai->ai_addr, ai->ai_addrlen);
    a->len = ai->ai_addrlen;
    freeaddrinfo(ai);
    name_address(a);
    return NULL;
}

const char *unix_address(struct address *a, const char *path)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->addr;

    memset(a, 0, sizeof *a);
    if (*path == '\0')
        return "an empty path is none";
    if (strlen(path) >= sizeof un->sun_path)
        return "this path is too long for a socket";
    un->sun_family = AF_UNIX;
    strcpy(un->sun_path, path);
    a->len = sizeof *un;
    name_address(a);
    return NULL;
}

/* --- opening and closing --- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_all(struct server *s)
{
    close_fd(&s->fd);
    close_fd(&s->wake[0]);
    close_fd(&s->wake[1]);
}

static void set_flags(int fd, int status)
{
    fcntl(fd, F_SETFL, status);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* The lock is never destroyed: a daemon thread may still take it. */
static void clear(struct server *s)
{
    memset(s, 0, sizeof *s);
    atomic_init(&s->active, 0);
    s->fd = s->wake[0] = s->wake[1] = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
}

static int open_server(struct server *s)
{
    s->fd = socket(s->class.address_family, s->class.socket_type, 0);
    if (s->fd < 0 || pipe(s->wake) < 0)
        return -1;
    set_flags(s->fd, 0);
    set_flags(s->wake[0], O_NONBLOCK);
    set_flags(s->wake[1], O_NONBLOCK);
    if (s->class.server_bind(s) < 0)
        return -1;
    return s->class.server_activate(s);
}

int server_init(struct server *s, const struct server_class *class,
                const struct address *a, const struct handler_class *h)
{
    int err;

    clear(s);
    s->class = *class;
    s->server_address = *a;
    s->handler = h;
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    if (open_server(s) == 0)
        return 0;
    err = errno;
    s->class.server_close(s);
    errno = err;
    return -1;
}

void server_close(struct server *s)
{
    s->class.server_close(s);
}

/* --- BaseServer: the loop --- */

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* Waits for fd to be readable, for server_shutdown, or for ms milliseconds:
 * READY, WOKEN, both or 0; a signal ends the wait, too. -1 as poll(2). */
static int await(struct server *s, int fd, int ms)
{
    struct pollfd fds[] = {{s->wake[0], POLLIN, 0}, {fd, POLLIN, 0}};
    int n = poll(fds, 2, ms);

    if (n < 0)
        return errno == EINTR ? 0 : -1;
    return (fds[0].revents ? WOKEN : 0) | (fds[1].revents ? READY : 0);
}

/* One that came and went is no error. When descriptors or memory run out we
 * rest, or we would spin: the newcomer waits in the queue. */
static void get_failed(struct server *s)
{
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    s->class.handle_error(s, NULL);
    await(s, -1, REST);
}

/* What the lecture calls the fixed part: every request goes this way. */
static void take_request(struct server *s)
{
    struct request *r = s->class.get_request(s);

    if (r == NULL) {
        get_failed(s);
    } else if (!s->class.verify_request(s, r)) {
        s->class.shutdown_request(s, r);
    } else if (s->class.process_request(s, r) < 0) {
        s->class.handle_error(s, r);
        s->class.shutdown_request(s, r);
    }
}

/* -1 if the server has been closed. */
static int loop_begins(struct server *s)
{
    int closed;

    pthread_mutex_lock(&s->lock);
    closed = s->fd < 0;
    if (!closed) {
        s->loop = pthread_self();
        s->looping = 1;
        s->is_shut_down = 0;
    }
    pthread_mutex_unlock(&s->lock);
    errno = EBADF;
    return closed ? -1 : 0;
}

/* Empties the pipe, so that the server can serve again. */
static void loop_ends(struct server *s)
{
    char bytes[64];

    pthread_mutex_lock(&s->lock);
    while (read(s->wake[0], bytes, sizeof bytes) > 0)
        ;
    s->looping = 0;
    s->is_shut_down = 1;
    s->loops_ended++;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

int serve_forever(struct server *s, int poll_interval)
{
    int what, err;

    if (loop_begins(s) < 0)
        return -1;
    for (;;) {
        what = await(s, s->fd, poll_interval);
        if (what < 0 || (what & WOKEN))
            break;
        if (what & READY)
            take_request(s);
        s->class.service_actions(s);
    }
    err = errno;
    loop_ends(s);
    errno = err;
    return what < 0 ? -1 : 0;
}

/* The loops are counted: the next one may begin before we look again. */
void server_shutdown(struct server *s)
{
    unsigned ended;

    pthread_mutex_lock(&s->lock);
    ended = s->loops_ended;
    if (write(s->wake[1], "", 1) < 0) {
        /* The pipe is full, or closed: then the loop ends, or has ended. */
    }
    while (!s->is_shut_down && s->loops_ended == ended
           && !(s->looping && pthread_equal(s->loop, pthread_self())))
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

int handle_request(struct server *s)
{
    struct pollfd fds[] = {{s->fd, POLLIN, 0}};
    int ms = s->class.timeout, n;
    long long end = now_ms() + ms, left;

    while ((n = poll(fds, 1, ms)) < 0 && errno == EINTR) {
        left = end - now_ms();
        if (ms >= 0)
            ms = left > 0 ? (int)left : 0;
    }
    if (n < 0)
        return -1;
    if (n == 0)
        s->class.handle_timeout(s);
    else
        take_request(s);
    return n;
}

/* --- BaseServer: a request, from its handler's birth to its end --- */

/* finish runs although handle failed; the first error is the one that counts,
 * so errno is kept. */
static int run_handler(const struct handler_class *class, struct handler *h)
{
    int failed, err;

    if (class->setup != NULL && class->setup(h) < 0)
        return -1;
    failed = class->handle(h) < 0;
    err = errno;
    if (class->finish != NULL && class->finish(h) < 0 && !failed) {
        failed = 1;
        err = errno;
    }
    errno = err;
    return failed ? -1 : 0;
}

static void close_streams(struct handler *h)
{
    if (h->rfile != NULL)
        fclose(h->rfile);
    if (h->wfile != NULL)
        fclose(h->wfile);
    h->rfile = h->wfile = NULL;
}

static int base_finish_request(struct server *s, struct request *r)
{
    struct handler *h = calloc(1, s->handler->size);
    int result, err;

    if (h == NULL)
        return -1;
    h->server = s;
    h->request = r;
    errno = 0; /* A handle that fails need not say why. */
    result = run_handler(s->handler, h);
    err = errno;
    close_streams(h); /* if a setup failed after it had opened them */
    free(h->answer);
    free(h);
    errno = err;
    return result;
}

/* Plain: the loop itself handles the request, and the next one waits. */
static int base_process_request(struct server *s, struct request *r)
{
    if (s->class.finish_request(s, r) < 0)
        return -1;
    s->class.shutdown_request(s, r);
    return 0;
}

static int base_verify_request(struct server *s, struct request *r)
{
    (void)s;
    (void)r;
    return 1;
}

static void base_handle_error(struct server *s, struct request *r)
{
    const char *who = r != NULL ? r->client_address.name : "accept";
    const char *why = errno != 0 ? strerror(errno) : "the handler failed";
    char when[TIME_SIZE];
    time_t t = time(NULL);
    struct tm tm;

    (void)s;
    localtime_r(&t, &tm);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(stderr, "%s %s error: %s\n", when, who, why);
}

static void do_nothing(struct server *s)
{
    (void)s;
}

static struct server_class base_server(void)
{
    struct server_class class = {
        .timeout = -1,
        .verify_request = base_verify_request,
        .process_request = base_process_request,
        .finish_request = base_finish_request,
        .handle_error = base_handle_error,
        .handle_timeout = do_nothing,
        .service_actions = do_nothing,
    };

    return class;
}

/* --- what TCPServer and UDPServer share --- */

static struct request *new_request(struct server *s, size_t packet_size)
{
    struct request *r = calloc(1, sizeof *r + packet_size + 1);

    if (r == NULL)
        return NULL;
    r->server = s;
    r->fd = -1;
    r->client_address.len = sizeof r->client_address.addr;
    return r;
}

/* Returns r, or if its making failed (n is -1) NULL, and errno is kept. */
static struct request *made(struct request *r, ssize_t n)
{
    int err = errno;

    if (n < 0) {
        close_fd(&r->fd);
        free(r);
        errno = err;
        return NULL;
    }
    name_address(&r->client_address);
    return r;
}

/* --- TCPServer --- */

/* A socket file stays when its server is killed. Whether a server lives behind
 * it a datagram socket can ask unnoticed: even if that is a stream server, the
 * answer is "refused" only from the dead. A corner cut: of two that find the
 * same dead file, one may remove the other's new one. */
static int remove_dead_socket(struct server *s)
{
    const struct address *a = &s->server_address;
    struct stat st;
    int fd, dead = 0;

    if (!s->class.allow_reuse_address || s->class.address_family != AF_UNIX
        || lstat(path_of(a), &st) < 0 || !S_ISSOCK(st.st_mode))
        return 0;
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd >= 0) {
        dead = connect(fd, (const struct sockaddr *)&a->addr, a->len) < 0
               && errno == ECONNREFUSED;
        close(fd);
    }
    return dead && unlink(path_of(a)) == 0;
}

static int tcp_server_bind(struct server *s)
{
    struct address *a = &s->server_address;
    int on = 1;
    struct stat st;

    if (s->class.allow_reuse_address
        && setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    while (bind(s->fd, (struct sockaddr *)&a->addr, a->len) < 0) {
        if (errno != EADDRINUSE)
            return -1;
        if (!remove_dead_socket(s)) {
            errno = EADDRINUSE;
            return -1;
        }
    }
    a->len = sizeof a->addr;
    getsockname(s->fd, (struct sockaddr *)&a->addr, &a->len);
    name_address(a);
    if (s->class.address_family == AF_UNIX && lstat(path_of(a), &st) == 0) {
        s->dev = st.st_dev;
        s->ino = st.st_ino;
    }
    return 0;
}

/* The path may belong to somebody else by now. */
static void remove_our_path(struct server *s)
{
    const char *path = path_of(&s->server_address);
    struct stat st;

    if (s->ino != 0 && lstat(path, &st) == 0 && st.st_dev == s->dev
        && st.st_ino == s->ino)
        unlink(path);
    s->ino = 0;
}

static void tcp_server_close(struct server *s)
{
    remove_our_path(s);
    pthread_mutex_lock(&s->lock);
    close_all(s);
    s->is_shut_down = 1;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* The listener does not block: between poll() and accept() the client may have
 * gone again. */
static int tcp_server_activate(struct server *s)
{
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    return listen(s->fd, s->class.request_queue_size);
}

static struct request *tcp_get_request(struct server *s)
{
    struct request *r = new_request(s, 0);
    struct address *a;

    if (r == NULL)
        return NULL;
    a = &r->client_address;
    r->fd = accept(s->fd, (struct sockaddr *)&a->addr, &a->len);
    if (r->fd >= 0)
        set_flags(r->fd, 0); /* BSD hands the listener's O_NONBLOCK on. */
    return made(r, r->fd);
}

/* Says that no more will come, although somebody may have a copy of fd. */
static void tcp_shutdown_request(struct server *s, struct request *r)
{
    shutdown(r->fd, SHUT_WR);
    s->class.close_request(s, r);
}

static void tcp_close_request(struct server *s, struct request *r)
{
    (void)s;
    close(r->fd);
    free(r);
}

struct server_class tcp_server(void)
{
    struct server_class class = base_server();

    class.address_family = AF_INET;
    class.socket_type = SOCK_STREAM;
    class.request_queue_size = 5;
    class.server_bind = tcp_server_bind;
    class.server_activate = tcp_server_activate;
    class.server_close = tcp_server_close;
    class.get_request = tcp_get_request;
    class.shutdown_request = tcp_shutdown_request;
    class.close_request = tcp_close_request;
    return class;
}

/* --- UDPServer --- */

/* There is nothing to listen for. The socket may block: an answer must wait
 * until there is room for it. */
static int udp_server_activate(struct server *s)
{
    (void)s;
    return 0;
}

static ssize_t receive(struct server *s, struct request *r)
{
    struct address *a = &r->client_address;
    struct iovec packet = {r->packet, s->class.max_packet_size};
    struct msghdr msg = {
        .msg_name = &a->addr,
        .msg_namelen = a->len,
        .msg_iov = &packet,
        .msg_iovlen = 1,
    };
    /* Not to wait: a handler may have read the packet that poll() saw. */
    ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT);

    a->len = msg.msg_namelen;
    r->truncated = (msg.msg_flags & MSG_TRUNC) != 0;
    r->size = n < 0 ? 0 : n;
    return n;
}

/* The dup comes first: if it fails, the packet waits in the queue. */
static struct request *udp_get_request(struct server *s)
{
    struct request *r = new_request(s, s->class.max_packet_size);

    if (r == NULL)
        return NULL;
    r->fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
    return made(r, r->fd < 0 ? -1 : receive(s, r));
}

/* No shutdown(2): the socket behind r->fd is everybody's. */
static void udp_shutdown_request(struct server *s, struct request *r)
{
    s->class.close_request(s, r);
}

struct server_class udp_server(void)
{
    struct server_class class = tcp_server();

    class.socket_type = SOCK_DGRAM;
    class.max_packet_size = 8192;
    class.server_activate = udp_server_activate;
    class.get_request = udp_get_request;
    class.shutdown_request = udp_shutdown_request;
    return class;
}

/* --- UnixStreamServer, UnixDatagramServer --- */

struct server_class unix_stream_server(void)
{
    struct server_class class = tcp_server();

    class.address_family = AF_UNIX;
    return class;
}

struct server_class unix_datagram_server(void)
{
    struct server_class class = udp_server();

    class.address_family = AF_UNIX;
    return class;
}

/* --- what both mixins share --- */

/* Reaps the children that have ended, or with flags 0 waits for all of them.
 * One by one: waitpid(-1) would take those of the program as well. */
static void reap(struct server *s, int flags)
{
    int i = 0;

    while (s->children != NULL && i < s->active) {
        pid_t pid = waitpid(s->children[i], NULL, flags);

        if (pid == 0)
            i++;
        else if (pid > 0 || errno != EINTR)
            s->children[i] = s->children[--s->active];
    }
    if (s->active == 0) {
        free(s->children);
        s->children = NULL;
    }
}

void server_wait(struct server *s)
{
    reap(s, 0);
    pthread_mutex_lock(&s->lock);
    while (s->active > 0)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

/* What both mixins add to the server_close that they extend. */
static void mixin_server_close(struct server *s)
{
    s->class.super_close(s);
    if (s->class.block_on_close && !s->class.daemon_threads)
        server_wait(s);
    else
        reap(s, WNOHANG);
}

/* --- ThreadingMixIn --- */

static void *request_thread(void *arg)
{
    struct request *r = arg;
    struct server *s = r->server;

    if (s->class.finish_request(s, r) < 0)
        s->class.handle_error(s, r);
    s->class.shutdown_request(s, r);
    pthread_mutex_lock(&s->lock);
    s->active--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int threading_process_request(struct server *s, struct request *r)
{
    pthread_t thread;

    s->active++;
    errno = pthread_create(&thread, NULL, request_thread, r);
    if (errno != 0) {
        s->active--;
        return -1;
    }
    pthread_detach(thread);
    return 0;
}

struct server_class threading(struct server_class class)
{
    class.block_on_close = 1;
    class.process_request = threading_process_request;
    class.super_close = class.server_close;
    class.server_close = mixin_server_close;
    return class;
}

/* --- ForkingMixIn --- */

/* Waits, when there are max_children, for one of them to end, or for
 * server_shutdown. A corner cut: it looks at them every TICK ms, since nothing
 * but SIGCHLD, which is the program's own, would wake it. */
static void collect_children(struct server *s)
{
    reap(s, WNOHANG);
    while (s->active >= s->class.max_children && await(s, -1, TICK) == 0)
        reap(s, WNOHANG);
}

/* What a child does, and all that it does. It has a copy of everything, and
 * keeps the request only: a listener that it held would outlive the server's.
 * _exit(), for what lies in the buffers of stdio is the parent's to write. */
static void child(struct server *s, struct request *r)
{
    int failed;

    close_all(s);
    s->ino = 0; /* The path is not ours to remove. */
    failed = s->class.finish_request(s, r) < 0;
    if (failed)
        s->class.handle_error(s, r);
    s->class.shutdown_request(s, r);
    _exit(failed);
}

static int forking_process_request(struct server *s, struct request *r)
{
    pid_t *children, pid;

    collect_children(s);
    children = realloc(s->children, (s->active + 1) * sizeof *children);
    if (children == NULL)
        return -1;
    s->children = children;
    fflush(stdout); /* or each child that flushes would write it again */
    pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0)
        child(s, r);
    s->children[s->active++] = pid;
    s->class.close_request(s, r);
    return 0;
}

struct server_class forking(struct server_class class)
{
    class.timeout = 300 * 1000;
    class.max_children = 40;
    class.block_on_close = 1;
    class.process_request = forking_process_request;
    class.handle_timeout = collect_children;
    class.service_actions = collect_children;
    class.super_close = class.server_close;
    class.server_close = mixin_server_close;
    return class;
}

/* --- StreamRequestHandler, DatagramRequestHandler --- */

int request_send(struct request *r, const void *buf, size_t n)
{
    int packet = r->server->class.socket_type == SOCK_DGRAM;
    const struct address *a = &r->client_address;
    const char *p = buf;

    for (;;) {
        ssize_t sent = sendto(r->fd, p, n, 0,
                              packet ? (const struct sockaddr *)&a->addr : NULL,
                              packet ? a->len : 0);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return -1;
        p += sent;
        n -= sent;
        if (n == 0)
            return 0;
    }
}

/* A stream over a dup of fd: so fclose() does not close fd itself. */
static FILE *open_stream(int fd, const char *mode)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    FILE *f = copy < 0 ? NULL : fdopen(copy, mode);

    if (f == NULL && copy >= 0)
        close(copy);
    return f;
}

/* Called at the end of a setup: all or nothing. */
static int both_are_open(struct handler *h)
{
    int err = errno;

    if (h->rfile != NULL && h->wfile != NULL)
        return 0;
    close_streams(h);
    errno = err;
    return -1;
}

int stream_setup(struct handler *h)
{
    h->rfile = open_stream(h->request->fd, "r");
    if (h->rfile != NULL)
        h->wfile = open_stream(h->request->fd, "w");
    return both_are_open(h);
}

/* A client that went before its last answer is no error. */
int stream_finish(struct handler *h)
{
    close_streams(h);
    return 0;
}

/* An empty file is none to some fmemopen(3): the '\0' behind the packet is
 * opened then, and read. */
int datagram_setup(struct handler *h)
{
    struct request *r = h->request;

    h->rfile = fmemopen(r->packet, r->size > 0 ? r->size : 1, "r");
    if (h->rfile != NULL && r->size == 0)
        getc(h->rfile);
    if (h->rfile != NULL)
        h->wfile = open_memstream(&h->answer, &h->answer_size);
    return both_are_open(h);
}

int datagram_finish(struct handler *h)
{
    int result = 0, err;

    close_streams(h);
    if (h->answer_size > 0)
        result = request_send(h->request, h->answer, h->answer_size);
    err = errno;
    free(h->answer);
    h->answer = NULL;
    errno = err;
    return result;
}
