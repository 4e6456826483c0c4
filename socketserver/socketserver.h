/* socketserver: what every server does, done once; you write handle().
 *
 *     struct server_class class = threading(tcp_server());
 *     struct address address;
 *     struct server server;
 *
 *     inet_address(&address, "localhost", "9999");
 *     server_init(&server, &class, &address, &my_handler);
 *     serve_forever(&server, 500);
 *     server_close(&server);
 *
 *     base_server            the loop, and what it does with a request
 *       tcp_server           streams
 *         unix_stream_server
 *         udp_server         datagrams
 *           unix_datagram_server
 *     threading(class), forking(class)   the same, each request in a thread
 *                                        or a process of its own
 *
 * socketserver.c goes down this tree: each constructor stands behind the
 * functions that are new in its class. base_server is not for programs.
 *
 * The names are those of Python's socketserver. Times are milliseconds, and -1
 * is for ever. An int that reports success is 0, or -1 with errno set.
 *
 * Signals: server_init ignores SIGPIPE. The loop takes EINTR for the end of a
 * poll interval: a program sets a flag in its signal handler and looks at it
 * in service_actions. poll_interval must not be -1 for that, since a signal may
 * come just before poll(2), or to another thread. A handle() may see EINTR in
 * its own calls, unless sigaction(2) says SA_RESTART. A child of forking()
 * inherits the signal handlers: a setup that does not want them puts SIG_DFL
 * back.
 */
#ifndef SOCKETSERVER_H
#define SOCKETSERVER_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { ADDRESS_SIZE = 128 };

struct address {
    struct sockaddr_storage addr;
    socklen_t len;
    char name[ADDRESS_SIZE]; /* "127.0.0.1:9999", a path, or "unnamed" */
};

/* A connection or a datagram. Who has it gives it back with the class's
 * shutdown_request, or only closes and frees it with close_request. */
struct request {
    struct server *server;
    struct address client_address;
    int fd;        /* the connection; for a datagram, a dup of server->fd */
    int truncated; /* the datagram was longer than max_packet_size */
    size_t size;   /* of the packet; 0 for a connection */
    char packet[]; /* and a '\0' behind it */
};

/* One conversation; lives from setup to finish. */
struct handler {
    struct server *server;
    struct request *request; /* lent, until finish returns */
    FILE *rfile, *wfile;     /* if setup opened them */
    char *answer;            /* what wfile has collected, for a datagram */
    size_t answer_size;
};

/* What a program writes; setup and finish may be NULL. finish runs when setup
 * did not fail, although handle did. A failure is told to handle_error, and
 * costs this request only. */
struct handler_class {
    size_t size; /* of your struct, whose first member is a struct handler */
    int (*setup)(struct handler *h); /* The rest of yours is all zeros. */
    int (*handle)(struct handler *h);
    int (*finish)(struct handler *h);
};

/* The methods and settings of a server. Copy a class, or change the copy that
 * is in each struct server, and put your own function in the place of another;
 * to extend the other, keep it in a variable and call it from yours. No method
 * is ever NULL, but super_close in a plain class. */
struct server_class {
    int address_family, socket_type;
    int request_queue_size;  /* see listen(2), backlog */
    int allow_reuse_address; /* SO_REUSEADDR; a dead Unix socket is removed */
    int max_packet_size;     /* bytes */
    int timeout;             /* ms, of handle_request */
    int daemon_threads;      /* server_close does not wait for threads */
    int block_on_close;      /* server_close waits for threads, children */
    int max_children;        /* from 1; as many, and the loop waits for one */

    int (*server_bind)(struct server *s);
    int (*server_activate)(struct server *s);
    void (*server_close)(struct server *s);
    void (*super_close)(struct server *s); /* that a mixin has extended */
    /* The next request, the caller's from now on; NULL if it is gone. */
    struct request *(*get_request)(struct server *s);
    /* 0 turns the request away. Runs in the loop, which waits for it. */
    int (*verify_request)(struct server *s, struct request *r);
    /* Takes r over; but if it fails, r is still the caller's. */
    int (*process_request)(struct server *s, struct request *r);
    /* Makes a handler, runs it and frees it. */
    int (*finish_request)(struct server *s, struct request *r);
    void (*shutdown_request)(struct server *s, struct request *r);
    void (*close_request)(struct server *s, struct request *r);
    /* Writes a line to stderr. errno says why, if it is not 0; r is NULL if
     * there was none, since accept(2) or recvmsg(2) failed. */
    void (*handle_error)(struct server *s, struct request *r);
    void (*handle_timeout)(struct server *s);
    /* Runs after each request and each poll interval, in the loop: not while a
     * plain handler does, or while the loop waits for a child. */
    void (*service_actions)(struct server *s);
};

/* The four servers. Python's defaults: a queue of 5, packets of 8192 bytes. */
struct server_class tcp_server(void);
struct server_class udp_server(void);
struct server_class unix_stream_server(void);
struct server_class unix_datagram_server(void);

/* The mixins: base, but each request has a thread, or a process, of its own.
 * One of them a class. A child is a copy with one thread, made by fork(2): what
 * it changes the server does not see, and a lock that another thread held stays
 * locked in it, also one inside the C library, such as that of localtime_r().
 * It leaves by _exit(2): a handler flushes what it prints. */
struct server_class threading(struct server_class base);
struct server_class forking(struct server_class base);

struct server {
    struct server_class class;
    const struct handler_class *handler;
    struct address server_address; /* the real port, after server_bind */
    int fd;                        /* -1 once closed */
    atomic_int active; /* requests that have a thread or a child now */

    /* The rest is the framework's. */
    pid_t *children;        /* of the loop's thread alone */
    dev_t dev;              /* of the Unix socket's path, */
    ino_t ino;              /* which is ours to remove if this is not 0 */
    int wake[2];            /* a pipe: a byte in it ends the loop */
    pthread_mutex_t lock;   /* guards what follows, and wake[1] */
    pthread_cond_t changed; /* one of them, or active has */
    pthread_t loop;
    int looping, is_shut_down;
    unsigned loops_ended;
};

/* Fills a from a host and a port (IPv4; getaddrinfo(3)), or from a path
 * (unix(7)). Returns NULL, or why that is no address. */
const char *inet_address(struct address *a, const char *host, const char *port);
const char *unix_address(struct address *a, const char *path);

/* Opens, binds and activates; a failure is that of socket(2), pipe(2), bind(2)
 * or listen(2), and leaves nothing open. Copies class and a, but not h. */
int server_init(struct server *s, const struct server_class *class,
                const struct address *a, const struct handler_class *h);

/* Serves until server_shutdown, and runs service_actions after poll_interval
 * ms at the latest: there a forking server reaps its children, so -1 is not
 * for it. Fails as poll(2), EINTR excepted; EBADF: s is closed. */
int serve_forever(struct server *s, int poll_interval);

/* Waits for one request, up to class.timeout, and processes it. Returns 1, 0
 * after handle_timeout, or -1 as poll(2). */
int handle_request(struct server *s);

/* Ends serve_forever, and waits until it has ended: from another thread, and
 * never from a signal handler. Before the first loop it waits for that one;
 * between two it does not wait, and the next one ends at once. In
 * serve_forever's own thread (a hook, a plain server's handle) it cannot wait,
 * and returns; where handle_request serves, nobody calls it. */
void server_shutdown(struct server *s);

/* After the loop: closes the socket (a datagram's request under way keeps its
 * port taken, since it has a dup), removes the Unix path that we bound; then
 * the mixins wait, as their settings say. Who does not wait keeps s until
 * server_wait: threads still use it. A second call does nothing more. */
void server_close(struct server *s);

/* Waits until no thread and no child has a request, after server_close. */
void server_wait(struct server *s);

/* Sends all n bytes to the client, or one datagram, as send(2) and sendto(2);
 * waits if there is no room for them. */
int request_send(struct request *r, const void *buf, size_t n);

/* The setup and finish of a stream handler: rfile and wfile are the connection
 * as fdopen(3) has it. You call fflush; finish does it, too. */
int stream_setup(struct handler *h);
int stream_finish(struct handler *h);

/* Of a datagram handler: rfile reads the packet, and finish sends what was
 * written to wfile, if anything, as one datagram. */
int datagram_setup(struct handler *h);
int datagram_finish(struct handler *h);

#endif
