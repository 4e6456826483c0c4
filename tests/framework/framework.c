/* framework: what socketserver.h promises, tried from inside a program.
 *
 *     framework            prints the titles
 *     framework TITLE      plays one; 0 if it held
 *
 * Built with -I and the folder of the socketserver.c that is to be tried.
 * Sockets are made in the folder where it runs. Order is made by two pipes: a
 * handler says in one that it has begun, and waits at the other, the gate. The
 * alarm only ends a test that hangs. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int no_thread, no_child, no_memory; /* how many are refused */

static int try_thread(pthread_t *t, const pthread_attr_t *a,
                      void *(*start)(void *), void *arg)
{
    return no_thread > 0 && no_thread-- ? EAGAIN
                                        : pthread_create(t, a, start, arg);
}

static pid_t try_fork(void)
{
    if (no_child == 0)
        return fork();
    no_child--;
    errno = EAGAIN;
    return -1;
}

static void *try_calloc(size_t n, size_t size)
{
    if (no_memory == 0)
        return calloc(n, size);
    no_memory--;
    errno = ENOMEM;
    return NULL;
}

/* The framework as it is, but what it asks for can be refused. */
#define pthread_create try_thread
#define fork try_fork
#define calloc try_calloc
#include "socketserver.c"
#undef pthread_create
#undef fork
#undef calloc

enum {
    DEADLINE = 40, /* seconds */
    INTERVAL = 10  /* ms, of the loops */
};

static int begun[2], gate[2];
static atomic_int inside, most_inside; /* handlers at once, in this process */
static atomic_int errors, handled, finished, ticks, timeouts, shut_downs;
static atomic_int last_error;
static int names; /* of sockets, so far */

/* --- to fail, and to wait --- */

static void fail(const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    vprintf(format, ap);
    va_end(ap);
    printf("\n");
    fflush(stdout);
    signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM); /* our children */
    _exit(1);
}

static void check(int ok, const char *what)
{
    if (!ok)
        fail("not so: %s (errno: %s)", what, strerror(errno));
}

static void on_alarm(int sig)
{
    static const char text[] = "it hangs\n";

    (void)sig;
    if (write(1, text, sizeof text - 1) > 0)
        signal(SIGTERM, SIG_IGN);
    kill(0, SIGTERM);
    _exit(1);
}

/* Waits until *n is at least so much. */
static void await_count(atomic_int *n, int much)
{
    while (*n < much)
        poll(NULL, 0, 1);
}

static void await_idle(struct server *s)
{
    while (s->active > 0)
        poll(NULL, 0, 1);
}

/* --- handlers and hooks --- */

static void await_begun(int n)
{
    char c;

    while (n-- > 0)
        check(read(begun[0], &c, 1) == 1, "a handler has begun");
}

static void open_gate(int n)
{
    while (n-- > 0)
        check(write(gate[1], "", 1) == 1, "the gate opens");
}

static int packets(struct handler *h)
{
    return h->server->class.socket_type == SOCK_DGRAM;
}

static int setup(struct handler *h)
{
    return packets(h) ? datagram_setup(h) : stream_setup(h);
}

static int finish(struct handler *h)
{
    int result = packets(h) ? datagram_finish(h) : stream_finish(h);

    finished++;
    return result;
}

/* One line, as in CPython's test. */
static int echo_line(struct handler *h)
{
    char line[256];

    handled++;
    if (fgets(line, sizeof line, h->rfile) != NULL)
        fputs(line, h->wfile);
    return 0;
}

static int held(struct handler *h)
{
    char c;
    int n = ++inside;

    if (n > most_inside)
        most_inside = n;
    if (write(begun[1], "", 1) != 1 || read(gate[0], &c, 1) != 1)
        return -1;
    inside--;
    return echo_line(h);
}

static int failing(struct handler *h)
{
    (void)h;
    handled++;
    errno = EDOM;
    return -1;
}

static const struct handler_class echo = {sizeof(struct handler), setup,
                                          echo_line, finish};
static const struct handler_class holding = {sizeof(struct handler), setup,
                                             held, finish};
static const struct handler_class failure = {sizeof(struct handler), setup,
                                             failing, finish};

static void count_error(struct server *s, struct request *r)
{
    (void)s;
    (void)r;
    last_error = errno;
    errors++;
}

static void count_tick(struct server *s)
{
    (void)s;
    ticks++;
}

static void count_timeout(struct server *s)
{
    (void)s;
    timeouts++;
}

/* --- servers --- */

static const struct {
    const char *name;
    struct server_class (*make)(void);
} kinds[] = {{"tcp", tcp_server},
             {"udp", udp_server},
             {"unix", unix_stream_server},
             {"unixgram", unix_datagram_server}};

static struct server_class plain(struct server_class c)
{
    return c;
}

static const struct {
    const char *name;
    struct server_class (*mix)(struct server_class c);
} ways[] = {{"plain", plain}, {"threading", threading}, {"forking", forking}};

/* A place for a server: any port of this machine, or a new path. */
static void pick(struct address *a, int family)
{
    char path[32];

    snprintf(path, sizeof path, "socket.%d.%d", (int)getpid(), names++);
    if (family == AF_UNIX)
        check(unix_address(a, path) == NULL, "a path");
    else
        check(inet_address(a, "127.0.0.1", "0") == NULL, "an address");
}

static void make(struct server *s, struct server_class class,
                 const struct handler_class *h)
{
    struct address a;

    class.handle_error = count_error;
    pick(&a, class.address_family);
    check(server_init(s, &class, &a, h) == 0, "a server can be made");
}

static void *loop(void *arg)
{
    check(serve_forever(arg, INTERVAL) == 0, "the loop ends well");
    return NULL;
}

static void *patient_loop(void *arg)
{
    check(serve_forever(arg, -1) == 0, "the loop ends well");
    return NULL;
}

static pthread_t start(void *(*run)(void *), void *arg)
{
    pthread_t t;

    check(pthread_create(&t, NULL, run, arg) == 0, "a thread");
    return t;
}

static void stop(struct server *s, pthread_t t)
{
    server_shutdown(s);
    pthread_join(t, NULL);
}

/* --- clients --- */

/* Connects; a datagram client of a Unix socket has a path of its own, to be
 * answered. */
static int dial(const struct server *s)
{
    const struct address *a = &s->server_address;
    int fd = socket(s->class.address_family, s->class.socket_type, 0);
    struct address own;

    check(fd >= 0, "a client's socket");
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (s->class.address_family == AF_UNIX
        && s->class.socket_type == SOCK_DGRAM) {
        pick(&own, AF_UNIX);
        check(bind(fd, (struct sockaddr *)&own.addr, own.len) == 0, "bind");
    }
    check(connect(fd, (const struct sockaddr *)&a->addr, a->len) == 0,
          "a client can connect");
    return fd;
}

/* Nobody listens there any more. */
static void check_refused(const struct server *s)
{
    const struct address *a = &s->server_address;
    int fd = socket(s->class.address_family, s->class.socket_type, 0);

    check(connect(fd, (const struct sockaddr *)&a->addr, a->len) < 0,
          "a newcomer is refused");
    close(fd);
}

static void say(int fd, const char *text)
{
    check(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text), "a send");
}

static void hear(int fd, const char *text)
{
    char buf[256] = "";
    size_t got = 0;
    ssize_t n;

    while (got < strlen(text)) {
        n = recv(fd, buf + got, sizeof buf - 1 - got, 0);
        check(n > 0, "a client is answered");
        got += n;
    }
    if (strcmp(buf, text) != 0)
        fail("expected: %s\nseen:     %s", text, buf);
}

/* End-of-stream, or a reset. */
static void hear_end(int fd)
{
    char c;

    check(recv(fd, &c, 1, 0) <= 0, "a client is let go");
    close(fd);
}

static void talk(const struct server *s, const char *text)
{
    int fd = dial(s);

    say(fd, text);
    hear(fd, text);
    close(fd);
}

static void crash(int fd)
{
    struct linger at_once = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static int open_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* --- what is tried --- */

static void echoes(struct server_class class)
{
    struct server s;
    pthread_t t;
    int before = open_descriptors();

    make(&s, class, &echo);
    t = start(loop, &s);
    for (int i = 0; i < 3; i++)
        talk(&s, "hello world\n");
    stop(&s, t);
    server_close(&s);
    check(s.fd == -1 && s.active == 0 && errors == 0, "all went well");
    check(open_descriptors() == before, "no descriptor is left open");
    check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD, "no child is left");
}

static void all_twelve_echo(void)
{
    for (int k = 0; k < 4; k++)
        for (int w = 0; w < 3; w++)
            echoes(ways[w].mix(kinds[k].make()));
}

static void plain_serves_one_at_a_time(void)
{
    for (int k = 0; k < 4; k++) {
        struct server s;
        pthread_t t;
        int a, b;

        make(&s, kinds[k].make(), &holding);
        t = start(loop, &s);
        a = dial(&s);
        say(a, "one\n");
        await_begun(1);
        b = dial(&s);
        say(b, "two\n");
        open_gate(1);
        hear(a, "one\n");
        await_begun(1);
        open_gate(1);
        hear(b, "two\n");
        stop(&s, t);
        server_close(&s);
        close(a);
        close(b);
    }
    check(most_inside == 1, "never two at once");
}

/* Only who serves several at once gets to await_begun(3). */
static void several_at_once(struct server_class class)
{
    struct server s;
    pthread_t t;
    int fd[3];

    make(&s, class, &holding);
    t = start(loop, &s);
    for (int i = 0; i < 3; i++) {
        fd[i] = dial(&s);
        say(fd[i], "all of us\n");
    }
    await_begun(3);
    await_count(&s.active, 3);
    open_gate(3);
    for (int i = 0; i < 3; i++) {
        hear(fd[i], "all of us\n");
        close(fd[i]);
    }
    stop(&s, t);
    server_close(&s);
}

static void threading_serves_several(void)
{
    for (int k = 0; k < 4; k++)
        several_at_once(threading(kinds[k].make()));
    check(most_inside == 3, "three in one process");
}

static void forking_serves_several(void)
{
    for (int k = 0; k < 4; k++)
        several_at_once(forking(kinds[k].make()));
    check(most_inside == 0, "none of them in this process");
}

static void shutdown_while_requests_run(void)
{
    for (int w = 1; w < 3; w++) {
        struct server s;
        pthread_t t;
        int fd[3];

        make(&s, ways[w].mix(tcp_server()), &holding);
        t = start(patient_loop, &s);
        for (int i = 0; i < 3; i++) {
            fd[i] = dial(&s);
            say(fd[i], "late\n");
        }
        await_begun(3);
        stop(&s, t);
        check(s.active == 3, "the loop has ended, the requests have not");
        open_gate(3);
        server_close(&s);
        for (int i = 0; i < 3; i++) {
            hear(fd[i], "late\n");
            hear_end(fd[i]);
        }
    }
}

/* Opens the gate once server_shutdown has been called. */
static void *open_late(void *arg)
{
    struct server *s = arg;
    struct pollfd fds[] = {{s->wake[0], POLLIN, 0}};

    poll(fds, 1, -1);
    open_gate(1);
    return NULL;
}

static void shutdown_waits_for_the_loop(void)
{
    struct server s;
    pthread_t t, opener;
    int fd;

    make(&s, tcp_server(), &holding);
    t = start(patient_loop, &s);
    fd = dial(&s);
    say(fd, "wait\n");
    await_begun(1);
    opener = start(open_late, &s);
    server_shutdown(&s);
    check(s.is_shut_down && finished == 1, "the loop has ended");
    hear(fd, "wait\n");
    close(fd);
    pthread_join(opener, NULL);
    pthread_join(t, NULL);
    server_close(&s);
}

static atomic_int enough;

static void *one_loop_after_another(void *s)
{
    while (!enough)
        check(serve_forever(s, -1) == 0, "a loop ends in order");
    return NULL;
}

/* Whoever waits for the end of a loop sees it, though the next has begun. */
static void shutdown_between_loops(void)
{
    struct server s;
    pthread_t t;

    make(&s, tcp_server(), &echo);
    t = start(one_loop_after_another, &s);
    for (int i = 0; i < 200; i++)
        server_shutdown(&s);
    enough = 1;
    server_shutdown(&s);
    pthread_join(t, NULL);
    server_close(&s);
}

static void shutdown_comes_at_any_time(void)
{
    struct server s[20];
    pthread_t t[20];

    shutdown_between_loops();

    for (int i = 0; i < 20; i++)
        make(&s[i], tcp_server(), &echo);
    for (int i = 0; i < 20; i++) {
        t[i] = start(patient_loop, &s[i]);
        server_shutdown(&s[i]);
    }
    for (int i = 0; i < 20; i++) {
        pthread_join(t[i], NULL);
        server_close(&s[i]);
    }
}

static int ends_the_server(struct handler *h)
{
    server_shutdown(h->server);
    return echo_line(h);
}

static void shutdown_by_the_loop(void)
{
    static const struct handler_class class = {sizeof(struct handler), setup,
                                               ends_the_server, finish};
    struct server s;
    pthread_t t;

    make(&s, tcp_server(), &class);
    t = start(patient_loop, &s);
    talk(&s, "be quiet\n");
    pthread_join(t, NULL);
    t = start(patient_loop, &s); /* It can serve again. */
    talk(&s, "be quiet again\n");
    pthread_join(t, NULL);
    server_close(&s);
}

static void a_close_without_a_loop(void)
{
    for (int k = 0; k < 4; k++)
        for (int w = 0; w < 3; w++) {
            struct server s;

            make(&s, ways[w].mix(kinds[k].make()), &echo);
            server_close(&s);
            server_close(&s);
            check(s.fd == -1, "it is closed");
            check(serve_forever(&s, -1) < 0 && errno == EBADF, "it is no use");
        }
}

static void a_timeout(void)
{
    struct server s;
    int fd;

    make(&s, tcp_server(), &echo);
    s.class.timeout = 20;
    s.class.handle_timeout = count_timeout;
    check(handle_request(&s) == 0 && timeouts == 1, "nobody came");
    fd = dial(&s);
    say(fd, "me\n");
    check(handle_request(&s) == 1 && timeouts == 1, "somebody came");
    hear(fd, "me\n");
    close(fd);
    server_close(&s);
}

/* --- signals --- */

static atomic_int interrupted, enough;
static pthread_t victim;

static void on_signal(int sig)
{
    (void)sig;
    interrupted++;
}

static void catch_signals(int flags)
{
    struct sigaction act = {.sa_flags = flags};

    act.sa_handler = on_signal;
    sigaction(SIGUSR1, &act, NULL);
    victim = pthread_self();
}

static void *bother(void *arg)
{
    (void)arg;
    while (!enough) {
        pthread_kill(victim, SIGUSR1);
        poll(NULL, 0, 2);
    }
    return NULL;
}

static void a_timeout_despite_signals(void)
{
    struct server s;
    pthread_t t;
    long began;

    catch_signals(0);
    make(&s, tcp_server(), &echo);
    s.class.timeout = 100;
    s.class.handle_timeout = count_timeout;
    t = start(bother, NULL);
    began = now_ms();
    check(handle_request(&s) == 0 && timeouts == 1, "it timed out");
    check(now_ms() - began >= 100, "not before its time");
    enough = 1;
    pthread_join(t, NULL);
    server_close(&s);
}

/* How a program ends its server on a signal. */
static void ask_for_signal(struct server *s)
{
    if (interrupted)
        server_shutdown(s);
}

static void a_signal_wakes_service_actions(void)
{
    struct server s;
    pthread_t t;

    catch_signals(0);
    make(&s, tcp_server(), &echo);
    s.class.service_actions = ask_for_signal;
    t = start(bother, NULL);
    patient_loop(&s);
    enough = 1;
    pthread_join(t, NULL);
    server_close(&s);
}

enum { BIG = 32 << 20 };
static char big[BIG];

static int writes_much(struct handler *h)
{
    if (fwrite(big, 1, BIG, h->wfile) != BIG)
        return -1;
    return fflush(h->wfile);
}

static int sends_much(struct handler *h)
{
    return request_send(h->request, big, BIG);
}

static void *reads_slowly(void *arg)
{
    int fd = dial(arg);
    char buf[1 << 16];
    size_t got = 0;
    ssize_t n;

    check(recv(fd, buf, 1, 0) == 1, "the first byte");
    for (int i = 0; i < 10; i++) { /* while it waits for us in send() */
        pthread_kill(victim, SIGUSR1);
        poll(NULL, 0, 5);
    }
    while ((n = recv(fd, buf, sizeof buf, 0)) > 0)
        got += n;
    check(got == BIG - 1, "every byte arrives");
    close(fd);
    return NULL;
}

static void interrupted_writes(void)
{
    static const struct handler_class by_stdio = {
        sizeof(struct handler), stream_setup, writes_much, stream_finish};
    static const struct handler_class by_send = {sizeof(struct handler), NULL,
                                                 sends_much, NULL};

    for (int i = 0; i < 2; i++) {
        struct server s;
        pthread_t t;

        catch_signals(i == 0 ? SA_RESTART : 0);
        make(&s, tcp_server(), i == 0 ? &by_stdio : &by_send);
        t = start(reads_slowly, &s);
        check(handle_request(&s) == 1 && errors == 0, "it was sent");
        check(interrupted > 0, "although there were signals");
        pthread_join(t, NULL);
        server_close(&s);
    }
}

/* --- hooks --- */

static int not_the_first(struct server *s, struct request *r)
{
    (void)s;
    (void)r;
    return ++ticks > 1;
}

static void count_shutdown(struct server *s, struct request *r)
{
    shut_downs++;
    tcp_shutdown_request(s, r);
}

static void one_is_turned_away(void)
{
    struct server s;
    int fd;

    make(&s, tcp_server(), &echo);
    s.class.verify_request = not_the_first;
    s.class.shutdown_request = count_shutdown;
    fd = dial(&s);
    check(handle_request(&s) == 1, "one came");
    hear_end(fd);
    check(shut_downs == 1 && handled == 0, "and was turned away");
    fd = dial(&s);
    say(fd, "and me?\n");
    check(handle_request(&s) == 1, "another came");
    hear(fd, "and me?\n");
    close(fd);
    check(shut_downs == 2 && handled == 1, "and was served");
    server_close(&s);
}

/* In whichever process: it goes through the pipe. */
static void tell_error(struct server *s, struct request *r)
{
    (void)s;
    check(r != NULL && errno == EDOM && finished == 1, "handle's error");
    check(write(begun[1], "", 1) == 1, "a word");
}

static void an_error_is_handled(void)
{
    for (int k = 0; k < 4; k++)
        for (int w = 0; w < 3; w++) {
            struct server s;
            int fd;

            finished = 0;
            make(&s, ways[w].mix(kinds[k].make()), &failure);
            s.class.handle_error = tell_error;
            fd = dial(&s);
            say(fd, "fail\n");
            check(handle_request(&s) == 1, "one came");
            await_begun(1);
            if (s.class.socket_type == SOCK_STREAM)
                hear_end(fd);
            server_close(&s);
        }
}

static atomic_int mood; /* bad, if not 0 */

static int moody(struct handler *h)
{
    return mood ? failing(h) : echo_line(h);
}

static void an_error_costs_one_request(void)
{
    static const struct handler_class class = {sizeof(struct handler), setup,
                                               moody, finish};

    for (int w = 0; w < 3; w++) {
        struct server s;
        pthread_t t;
        int fd;

        make(&s, ways[w].mix(tcp_server()), &class);
        t = start(loop, &s);
        mood = 1;
        fd = dial(&s);
        hear_end(fd);
        mood = 0;
        talk(&s, "still there\n");
        stop(&s, t);
        server_close(&s);
    }
}

static int no_setup(struct handler *h)
{
    (void)h;
    return -1;
}

/* It has opened the streams, and then thinks better of it. */
static int late_no(struct handler *h)
{
    stream_setup(h);
    return -1;
}

static void a_setup_fails(void)
{
    static const struct handler_class class = {sizeof(struct handler), no_setup,
                                               echo_line, finish};
    static const struct handler_class late = {sizeof(struct handler), late_no,
                                              echo_line, finish};
    struct server s;
    int fd, before;

    make(&s, tcp_server(), &class);
    fd = dial(&s);
    check(handle_request(&s) == 1, "one came");
    hear_end(fd);
    check(errors == 1 && handled == 0 && finished == 0, "nothing ran");
    s.handler = &late;
    before = open_descriptors();
    fd = dial(&s);
    check(handle_request(&s) == 1 && errors == 2, "another came");
    close(fd);
    check(open_descriptors() == before, "its streams are closed");
    server_close(&s);
}

struct account {
    struct handler handler;
    int balance[100];
    char *name;
};

static int all_zeros(struct handler *h)
{
    struct account *a = (struct account *)h;

    for (int i = 0; i < 100; i++)
        check(a->balance[i]++ == 0, "zeros");
    check(a->name == NULL, "a null pointer");
    return echo_line(h);
}

static void a_handler_has_its_own_state(void)
{
    static const struct handler_class class = {sizeof(struct account), setup,
                                               all_zeros, finish};
    struct server s;
    pthread_t t;

    make(&s, threading(tcp_server()), &class);
    t = start(loop, &s);
    talk(&s, "one\n");
    talk(&s, "two\n");
    stop(&s, t);
    server_close(&s);
}

/* As if poll() had seen one who has gone again. */
static void nobody_is_waited_for(void)
{
    for (int k = 0; k < 4; k += 2) {
        struct server s;

        make(&s, kinds[k].make(), &echo);
        check(s.class.get_request(&s) == NULL && errno == EAGAIN, "nobody");
        server_close(&s);
    }
}

static void service_actions_run(void)
{
    struct server s;
    pthread_t t;

    make(&s, tcp_server(), &echo);
    s.class.service_actions = count_tick;
    t = start(loop, &s);
    await_count(&ticks, 3);
    stop(&s, t);
    server_close(&s);
}

/* --- closing, and waiting --- */

/* Begins two requests that are held, and ends the loop. */
static void hold_two(struct server *s, int fd[2])
{
    pthread_t t = start(loop, s);

    for (int i = 0; i < 2; i++) {
        fd[i] = dial(s);
        say(fd[i], "wait for me\n");
    }
    await_begun(2);
    stop(s, t);
    check(s->active == 2, "two are under way");
}

static void hear_two(int fd[2])
{
    for (int i = 0; i < 2; i++) {
        hear(fd[i], "wait for me\n");
        close(fd[i]);
    }
}

/* The gate opens only once server_close has closed the socket. */
static void close_and_open_gate(struct server *s)
{
    tcp_server_close(s);
    open_gate(2);
}

static void a_close_waits(void)
{
    for (int k = 0; k < 4; k++)
        for (int w = 1; w < 3; w++) {
            struct server s;
            int fd[2];

            make(&s, ways[w].mix(kinds[k].make()), &holding);
            s.class.super_close = close_and_open_gate;
            hold_two(&s, fd);
            server_close(&s);
            check(s.active == 0, "nothing is under way");
            hear_two(fd);
        }
}

/* If this close waited it would wait for ever. */
static void a_close_does_not_wait(void)
{
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3; i++) {
            struct server s;
            int fd[2];

            make(&s, ways[i == 2 ? 2 : 1].mix(kinds[k].make()), &holding);
            s.class.block_on_close = i == 0;
            s.class.daemon_threads = i == 0;
            hold_two(&s, fd);
            server_close(&s);
            check(s.active == 2 && s.fd == -1, "two are under way still");
            if (s.class.socket_type == SOCK_STREAM)
                check_refused(&s);
            open_gate(2);
            hear_two(fd);
            server_wait(&s);
            check(s.active == 0, "nothing is under way");
        }
    check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD, "no zombie is left");
}

static void threads_are_not_kept(void)
{
    struct server s;
    int fd;

    make(&s, threading(tcp_server()), &echo);
    for (int i = 0; i < 10; i++) {
        fd = dial(&s);
        check(handle_request(&s) == 1, "one came");
        close(fd);
    }
    await_idle(&s);
    server_close(&s);
}

/* --- children --- */

static void children_are_reaped(void)
{
    pid_t own = fork();
    struct server s;
    pthread_t t;

    if (own == 0)
        _exit(72);
    make(&s, forking(tcp_server()), &echo);
    t = start(loop, &s);
    for (int i = 0; i < 5; i++)
        talk(&s, "and gone\n");
    await_idle(&s); /* and the loop goes on */
    stop(&s, t);
    server_close(&s);
    check(waitpid(own, NULL, 0) == own, "the program's own child is its own");
    check(waitpid(-1, NULL, 0) < 0 && errno == ECHILD, "no other is left");
}

/* Without a loop there are no service_actions. */
static void a_timeout_reaps(void)
{
    struct server s;
    int fd;

    make(&s, forking(tcp_server()), &echo);
    s.class.timeout = 10;
    fd = dial(&s);
    say(fd, "one\n");
    check(handle_request(&s) == 1 && s.active == 1, "one has a child");
    hear(fd, "one\n");
    close(fd);
    while (s.active > 0)
        check(handle_request(&s) == 0, "nobody comes");
    server_close(&s);
}

static int most_children;

static int count_children(struct server *s, struct request *r)
{
    int result = forking_process_request(s, r);

    if (s->active > most_children)
        most_children = s->active;
    return result;
}

static void no_more_than_max_children(void)
{
    struct server_class class = forking(tcp_server());
    struct server s;
    pthread_t t;
    int fd[5];

    class.max_children = 2;
    class.process_request = count_children;
    make(&s, class, &holding);
    t = start(loop, &s);
    for (int i = 0; i < 5; i++) {
        fd[i] = dial(&s);
        say(fd[i], "my turn\n");
    }
    await_begun(2);
    for (int i = 0; i < 3; i++) {
        open_gate(1);
        await_begun(1);
    }
    open_gate(2);
    for (int i = 0; i < 5; i++) {
        hear(fd[i], "my turn\n");
        close(fd[i]);
    }
    stop(&s, t);
    server_close(&s);
    check(most_children == 2, "never three children at once");
}

static void shutdown_while_children_are_many(void)
{
    struct server_class class = forking(tcp_server());
    struct server s;
    int fd[2];

    class.max_children = 2;
    make(&s, class, &holding);
    hold_two(&s, fd); /* ends the loop, too */
    open_gate(2);
    server_close(&s);
    hear_two(fd);
}

static int changes_memory(struct handler *h)
{
    most_children = 1;
    return echo_line(h);
}

static void a_child_has_a_copy(void)
{
    static const struct handler_class class = {sizeof(struct handler), setup,
                                               changes_memory, finish};

    for (int w = 1; w < 3; w++) {
        struct server s;
        pthread_t t;

        most_children = 0;
        make(&s, ways[w].mix(tcp_server()), &class);
        t = start(loop, &s);
        talk(&s, "mine\n");
        stop(&s, t);
        server_close(&s);
        check(most_children == (w == 1), "a thread shares, a child does not");
    }
}

/* --- what is refused --- */

static void what_cannot_be_made(void)
{
    for (int w = 0; w < 3; w++) {
        struct server s;
        pthread_t t;
        int fd;

        errors = 0;
        make(&s, ways[w].mix(tcp_server()), &echo);
        no_thread = no_child = 1;
        t = start(loop, &s);
        if (w > 0) {
            fd = dial(&s);
            hear_end(fd);
            check(errors == 1 && last_error == EAGAIN, "it was told");
        }
        no_thread = no_child = 0;
        talk(&s, "next\n");
        check(s.active <= 1, "the refused one is not counted");
        stop(&s, t);
        server_close(&s);
    }
}

static void no_memory_for_one(void)
{
    struct server s;
    pthread_t t;
    int fd;

    make(&s, tcp_server(), &echo);
    no_memory = 1; /* for the request: it waits for a second, and is served */
    t = start(loop, &s);
    talk(&s, "one\n");
    check(errors == 1 && last_error == ENOMEM, "it was told");
    stop(&s, t);
    fd = dial(&s);
    check(poll(&(struct pollfd){s.fd, POLLIN, 0}, 1, -1) == 1, "one knocks");
    s.class.verify_request = not_the_first;
    ticks = 0;
    close(fd);
    check(handle_request(&s) == 1, "and is turned away");
    server_close(&s);
}

/* As many descriptors as are open now, and so many more; or all, if -1. */
static void limit_descriptors(int more)
{
    int fd = dup(0);
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = more < 0 ? limit.rlim_max : (rlim_t)(fd + more);
    close(fd);
    check(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

/* The connection is taken, but there is no descriptor for its streams. */
static void a_descriptor_too_few(void)
{
    struct server s;
    pthread_t t;
    int fd;

    make(&s, tcp_server(), &echo);
    fd = dial(&s);
    limit_descriptors(2);
    t = start(loop, &s);
    hear_end(fd);
    check(errors == 1 && last_error == EMFILE, "it was told");
    limit_descriptors(-1);
    talk(&s, "enough\n");
    stop(&s, t);
    server_close(&s);
}

static void out_of_descriptors(void)
{
    struct server s;
    pthread_t t;
    int a, b;

    make(&s, tcp_server(), &echo);
    a = dial(&s);
    b = dial(&s);
    limit_descriptors(0);
    t = start(loop, &s);
    await_count(&errors, 2); /* a second apart: it rests */
    check(errors <= 3 && last_error == EMFILE, "it was told");
    limit_descriptors(-1);
    say(a, "one\n");
    hear(a, "one\n");
    say(b, "two\n");
    hear(b, "two\n");
    stop(&s, t);
    server_close(&s);
    close(a);
    close(b);
}

static void a_failed_server_leaves_nothing(void)
{
    struct server s, t;
    struct server_class class = tcp_server();
    int before;

    make(&s, class, &echo);
    before = open_descriptors();
    for (int i = 0; i < 1024; i++)
        check(server_init(&t, &class, &s.server_address, &echo) < 0
                  && errno == EADDRINUSE && t.fd == -1,
              "the port is in use");
    check(open_descriptors() == before, "no descriptor is left open");
    server_close(&s);
}

static int floods(struct handler *h)
{
    char c;

    if (fgetc(h->rfile) != 'f')
        return ungetc('l', h->rfile) == EOF ? -1 : echo_line(h);
    if (write(begun[1], "", 1) != 1 || read(gate[0], &c, 1) != 1)
        return -1;
    fputs("you are gone\n", h->wfile);
    fflush(h->wfile);
    for (int i = 0; i < 100; i++)
        if (fputs("gone\n", h->wfile) == EOF || fflush(h->wfile) == EOF)
            return -1;
    return 0;
}

static void a_reset_costs_one_request(void)
{
    static const struct handler_class class = {sizeof(struct handler), setup,
                                               floods, finish};

    for (int w = 0; w < 3; w++) {
        struct server s;
        pthread_t t;
        int fd;

        make(&s, ways[w].mix(tcp_server()), &class);
        t = start(loop, &s);
        fd = dial(&s);
        say(fd, "f\n");
        await_begun(1);
        crash(fd);
        open_gate(1);
        talk(&s, "live on\n");
        stop(&s, t);
        server_close(&s);
        check(w == 2 || errors == w + 1, "it was told");
    }
}

/* --- Unix paths --- */

/* A socket file that nobody is behind. */
static void leave_dead_socket(const struct address *a, int type)
{
    int fd = socket(AF_UNIX, type, 0);

    check(bind(fd, (const struct sockaddr *)&a->addr, a->len) == 0, "bind");
    close(fd);
}

static int there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

static void a_dead_path(void)
{
    for (int k = 2; k < 4; k++) {
        struct server_class class = kinds[k].make();
        struct server s;
        struct address a;

        pick(&a, AF_UNIX);
        leave_dead_socket(&a, class.socket_type);
        check(server_init(&s, &class, &a, &echo) < 0 && errno == EADDRINUSE,
              "a path that is there is in use");
        check(there(a.name), "and stays");
        class.allow_reuse_address = 1;
        check(server_init(&s, &class, &a, &echo) == 0, "it can be replaced");
        server_close(&s);
        check(!there(a.name), "server_close removes the path");
    }
}

static void a_live_path(void)
{
    for (int k = 2; k < 4; k++) {
        struct server_class class = kinds[k].make();
        struct server s, other;

        class.allow_reuse_address = 1;
        make(&s, class, &echo);
        for (int of = 2; of < 4; of++) {
            class = kinds[of].make();
            class.allow_reuse_address = 1;
            check(server_init(&other, &class, &s.server_address, &echo) < 0
                      && errno == EADDRINUSE,
                  "a live server keeps its path");
        }
        s.class.timeout = 0;
        s.class.handle_timeout = count_timeout;
        timeouts = 0;
        check(handle_request(&s) == 0 && timeouts == 1, "and is not disturbed");
        server_close(&s);
    }
}

static void a_path_that_is_no_socket(void)
{
    struct server_class class = unix_stream_server();
    struct server s;
    struct address a;

    class.allow_reuse_address = 1;
    pick(&a, AF_UNIX);
    close(open(a.name, O_CREAT | O_WRONLY, 0600));
    check(server_init(&s, &class, &a, &echo) < 0 && errno == EADDRINUSE,
          "a file is in the way");
    check(there(a.name), "and stays");
    unlink(a.name);
}

static void a_path_that_was_taken(void)
{
    struct server_class class = unix_stream_server();
    struct server s, heir;

    make(&s, class, &echo);
    unlink(s.server_address.name);
    check(server_init(&heir, &class, &s.server_address, &echo) == 0, "an heir");
    server_close(&s);
    check(there(heir.server_address.name), "the heir's path stays");
    server_close(&heir);
    check(!there(heir.server_address.name), "and goes with the heir");
}

/* --- datagrams --- */

static int measures(struct handler *h)
{
    fprintf(h->wfile, "%d bytes%s\n", (int)h->request->size,
            h->request->truncated ? " and more" : "");
    return 0;
}

static void a_large_datagram(void)
{
    static const struct handler_class class = {
        sizeof(struct handler), datagram_setup, measures, datagram_finish};

    for (int k = 1; k < 4; k += 2)
        for (int w = 0; w < 3; w++) {
            struct server s;
            pthread_t t;
            int fd;

            make(&s, ways[w].mix(kinds[k].make()), &class);
            t = start(loop, &s);
            fd = dial(&s);
            check(send(fd, big, 8193, 0) == 8193, "a large one");
            hear(fd, "8192 bytes and more\n");
            check(send(fd, big, 8192, 0) == 8192, "one that just fits");
            hear(fd, "8192 bytes\n");
            check(send(fd, big, 0, 0) == 0, "an empty one");
            hear(fd, "0 bytes\n");
            close(fd);
            stop(&s, t);
            server_close(&s);
        }
}

static int counts_bytes(struct handler *h)
{
    int n = 0;
    char text[32];

    while (getc(h->rfile) != EOF)
        n++;
    snprintf(text, sizeof text, "%d read\n", n);
    return request_send(h->request, text, strlen(text));
}

/* NULs and all; and a handler may answer at once, rather than at its end. */
static void a_packet_is_a_file(void)
{
    static const struct handler_class class = {
        sizeof(struct handler), datagram_setup, counts_bytes, datagram_finish};
    struct server s;
    int fd;

    make(&s, udp_server(), &class);
    fd = dial(&s);
    check(send(fd, "a\0b\0", 4, 0) == 4, "a packet");
    check(handle_request(&s) == 1, "it came");
    hear(fd, "4 read\n");
    check(send(fd, "", 0, 0) == 0, "an empty packet");
    check(handle_request(&s) == 1, "it came");
    hear(fd, "0 read\n");
    close(fd);
    server_close(&s);
}

static void nobody_to_answer(void)
{
    struct server s;
    struct address a;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    make(&s, unix_datagram_server(), &echo);
    a = s.server_address;
    check(sendto(fd, "who?\n", 5, 0, (struct sockaddr *)&a.addr, a.len) == 5,
          "a packet without a sender");
    check(handle_request(&s) == 1 && errors == 1, "it has no answer");
    close(fd);
    fd = dial(&s);
    say(fd, "me\n");
    check(handle_request(&s) == 1 && errors == 1, "the next one has");
    hear(fd, "me\n");
    close(fd);
    server_close(&s);
}

/* --- addresses --- */

static void words_that_are_no_address(void)
{
    struct address a;
    char path[200];

    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    check(inet_address(&a, "localhost", "99999") != NULL, "99999");
    check(inet_address(&a, "localhost", "") != NULL, "an empty port");
    check(inet_address(&a, "localhost", "http") != NULL, "http");
    check(inet_address(&a, "a..b", "9999") != NULL, "a..b");
    check(unix_address(&a, "") != NULL, "an empty path");
    check(unix_address(&a, path) != NULL, "a path of 199 letters");
}

static const struct {
    const char *title;
    void (*play)(void);
} tests[] = {
    {"each of the twelve servers echoes", all_twelve_echo},
    {"a plain server serves one at a time", plain_serves_one_at_a_time},
    {"a threading server serves several at once", threading_serves_several},
    {"a forking server serves several at once", forking_serves_several},
    {"shutdown ends the loop while requests run", shutdown_while_requests_run},
    {"shutdown waits until the loop has ended", shutdown_waits_for_the_loop},
    {"shutdown may come at any time", shutdown_comes_at_any_time},
    {"the loop may shut itself down, and serve again", shutdown_by_the_loop},
    {"a server may be closed at once, and twice", a_close_without_a_loop},
    {"handle_timeout runs when nobody comes", a_timeout},
    {"signals do not shorten the timeout", a_timeout_despite_signals},
    {"a signal wakes service_actions", a_signal_wakes_service_actions},
    {"signals do not shorten what is written", interrupted_writes},
    {"verify_request can turn a request away", one_is_turned_away},
    {"an error goes to handle_error, after finish", an_error_is_handled},
    {"a failing handler costs one request", an_error_costs_one_request},
    {"a setup that fails ends its request", a_setup_fails},
    {"a handler has its own state, all zeros", a_handler_has_its_own_state},
    {"a client that is gone again is not waited for", nobody_is_waited_for},
    {"service_actions runs every poll interval", service_actions_run},
    {"server_close waits for requests under way", a_close_waits},
    {"server_close does not wait if told so", a_close_does_not_wait},
    {"threads that have ended are not kept", threads_are_not_kept},
    {"children are reaped, but not the program's own", children_are_reaped},
    {"a timeout reaps children, too", a_timeout_reaps},
    {"there are at most max_children children", no_more_than_max_children},
    {"shutdown ends the loop at max_children, too",
     shutdown_while_children_are_many},
    {"a thread shares memory, a child does not", a_child_has_a_copy},
    {"a thread or child that cannot be made costs one request",
     what_cannot_be_made},
    {"out of memory, a newcomer waits", no_memory_for_one},
    {"one descriptor too few costs one request", a_descriptor_too_few},
    {"out of descriptors, newcomers wait", out_of_descriptors},
    {"a server that cannot be made leaves nothing open",
     a_failed_server_leaves_nothing},
    {"a reset costs one request", a_reset_costs_one_request},
    {"a dead socket's path is reused, if told so", a_dead_path},
    {"a live server keeps its path", a_live_path},
    {"a path that is no socket is kept", a_path_that_is_no_socket},
    {"a path that another has now is kept", a_path_that_was_taken},
    {"a datagram larger than the buffer is reported", a_large_datagram},
    {"a packet is read as a file, to its end", a_packet_is_a_file},
    {"a packet without a sender costs one request", nobody_to_answer},
    {"words that are not an address are refused", words_that_are_no_address},
};

int main(int argc, char *argv[])
{
    size_t n = sizeof tests / sizeof tests[0];

    for (size_t i = 0; i < n; i++) {
        if (argc == 1)
            printf("%s\n", tests[i].title);
        if (argc == 1 || strcmp(argv[1], tests[i].title) != 0)
            continue;
        setpgid(0, 0);
        signal(SIGALRM, on_alarm);
        alarm(DEADLINE);
        check(pipe(begun) == 0 && pipe(gate) == 0, "pipes");
        tests[i].play();
        return 0;
    }
    if (argc > 1)
        fail("there is no test \"%s\"", argv[1]);
    return 0;
}
