/* v11_log: the room is a log in Kafka, and each server has its place in it. */
#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* or macOS hides MSG_DONTWAIT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    RING_SIZE = 1 << 20,   /* how much of the log we keep */
    BURST = RING_SIZE / 8, /* how much may be said between two rounds */
    FD_LIMIT = 1 << 16,    /* we serve descriptors below this one */
    LINE_SIZE = 1 << 16,   /* the longest line, its newline included */

    PENDING_MAX = RING_SIZE / 2, /* of what waits for the broker's answer */
    PATIENCE = 5000,             /* ms for the broker to answer */
    START = 15000,               /* ms for us to get into the room */
    DELAY_MAX = 2000,            /* ms between two attempts to connect */
    AGAIN = 30000,               /* ms until an unanswered line is sent again */
    EXPIRY = 300000,             /* ms until it is given up */
    ATTEMPT = 100,               /* ms to find the end of the log */
    LINGER = 2000,               /* ms to wait for a leaver's last words */
    HOLD = 2000,                 /* ms for a client that lags to catch up */
    LINES_MAX = 1 << 10,         /* how many old lines a newcomer may hear */
    WHY_SIZE = 200,              /* why the broker is lost */

    MSG_SIZE = 1024, /* a line of the console */
    HEAD_SIZE = 64,  /* what we put before a message */
    NAME_SIZE = 24,  /* "255.255.255.255:65535" */
    TIME_SIZE = 20,  /* "2026-11-23 06:44:56" */
    WHERE_SIZE = 300 /* "HOST:PORT" as typed, cut when longer */
};

struct client {
    int fd;
    char name[NAME_SIZE];
    uint64_t heard; /* how much of the log has been sent to it */
    uint64_t last;  /* how much is due to it: all, until it leaves */
    char *piece;    /* of a line that has no end yet, or NULL */
    size_t len;     /* how long it is */
    unsigned id;    /* the first client's is 1 */
    int under_way;  /* how many of its lines the broker has not answered */
    int64_t place;  /* where in the broker's log the last one is */
    int64_t until;  /* it has left, and goes at this time; or 0 */
    struct client *next;
};

static int listener = -1;
static int wake[2];              /* a pipe: a signal writes to it */
static int input = STDIN_FILENO; /* -1 once it has ended */
static int stopping;
static time_t full; /* the second in which accept() failed last */
static struct client *room;

static const char *room_name = "room";
static const char *broker = "127.0.0.1:9092";
static int backlog = 10; /* how many old lines a newcomer hears */
static rd_kafka_t *producer, *consumer;
static rd_kafka_topic_t *topic;
static int bell[2];  /* a pipe: librdkafka writes to it */
static int linked;   /* we are connected, and in the room */
static int met;      /* we have been linked before */
static int down;     /* so is every broker, as far as is known */
static int reading;  /* librdkafka reads the broker's log */
static int64_t due;  /* when we must be in the room, at the latest */
static int64_t held; /* until when we take nothing from the broker; or 0 */
static char cause[WHY_SIZE]; /* why we are not in it */
static size_t pending;       /* how many published bytes have no answer yet */
static int64_t reached = -1; /* how far we have read the broker's log */

/* What poll() waits for: these, then the room, in its order. */
enum { SIGNALS, CONSOLE, LISTENER, BELL, CLIENTS };
static struct pollfd fds[FD_LIMIT];

/* Everything said goes into one log. Its byte i is ring[i % RING_SIZE], until
 * RING_SIZE more bytes have been said. A round sends each client what it has
 * not had. A client that still lacks some has a full socket; if it lacks more
 * than RING_SIZE - BURST bytes, it is let go. At most BURST bytes are said
 * before the next round, so nothing that a client lacks is ever overwritten. */
static char ring[RING_SIZE];
static uint64_t said;             /* how long the log is */
static uint64_t offered;          /* how long it was at the last round */
static uint64_t lines;            /* how many lines are in it */
static uint64_t begin[LINES_MAX]; /* line i begins at begin[i % LINES_MAX] */

/* Writes the local time into buf, which has TIME_SIZE bytes; returns buf. */
static char *now(char *buf)
{
    time_t t = time(NULL);
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(buf, TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm);
    return buf;
}

/* Milliseconds, of a clock that nobody sets. */
static int64_t millis(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* One event, one line, one call: lines of two threads never mix. */
static void log_event(const char *thread, const char *what, const char *why)
{
    char when[TIME_SIZE];

    fprintf(stderr, "%s %s %s%s\n", now(when), thread, what, why);
}

/* For what we cannot start or go on without; never for a client's failure. */
static void die(const char *what, const char *why)
{
    fprintf(stderr, "server: %s: %s\n", what, why);
    exit(1);
}

/* Writes "IP:PORT" into name, which has NAME_SIZE bytes. */
static void name_of(const struct sockaddr_in *addr, char *name)
{
    char ip[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &addr->sin_addr, ip, sizeof ip);
    snprintf(name, NAME_SIZE, "%s:%d", ip, ntohs(addr->sin_port));
}

static int is_quit(const char *msg, size_t n)
{
    return (n == 4 && memcmp(msg, "quit", 4) == 0)
           || (n == 5 && memcmp(msg, "quit\n", 5) == 0)
           || (n == 6 && memcmp(msg, "quit\r\n", 6) == 0);
}

/* A newcomer's place in the log is some lines before its end, but not so far
 * back that it would be let go for it. Still wrong: a client that comes back,
 * or from another server, gets the same place, however far it had heard. */
static void join(struct client *c)
{
    static unsigned joined;
    uint64_t first = lines > (uint64_t)backlog ? lines - backlog : 0;

    while (first < lines && said - begin[first % LINES_MAX] > RING_SIZE / 2)
        first++;
    c->id = ++joined;
    c->place = -1;
    c->heard = first < lines ? begin[first % LINES_MAX] : said;
    c->last = UINT64_MAX;
    c->next = room;
    room = c;
}

/* Frees c. Off the list first: once its descriptor is closed, the next client
 * may get the same number, and would hear everything twice. */
static void leave(struct client *c)
{
    struct client **p = &room;

    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    close(c->fd);
    log_event(c->name, "left", "");
    free(c->piece);
    free(c);
    full = 0; /* There is a descriptor for a newcomer. */
}

/* Adds n bytes to the log. */
static void append(const char *buf, size_t n)
{
    while (n-- > 0)
        ring[said++ % RING_SIZE] = *buf++;
}

/* From now on nothing is due to c: await() will free it. */
static void let_go(struct client *c)
{
    c->last = 0;
}

/* Sends c what is due to it, until its socket is full. MSG_DONTWAIT, which
 * keeps send() from waiting then, is not in POSIX.1-2008, but Linux, macOS
 * and the BSDs have it. */
static void deliver(struct client *c)
{
    uint64_t end = c->last < said ? c->last : said;

    while (c->heard < end) {
        size_t at = c->heard % RING_SIZE, n = end - c->heard;
        ssize_t sent;

        if (n > RING_SIZE - at)
            n = RING_SIZE - at; /* The rest is at the ring's beginning. */
        sent = send(c->fd, ring + at, n, MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno != EAGAIN)
            let_go(c);
        if (sent < 0)
            return;
        c->heard += sent;
    }
}

/* One round, which waits for nobody. */
static void deliver_all(void)
{
    for (struct client *c = room; c != NULL; c = c->next) {
        deliver(c);
        if (c->heard < c->last && said - c->heard > RING_SIZE - BURST) {
            log_event(c->name, "too slow", "");
            let_go(c);
        }
    }
    offered = said;
}

/* Makes a round first, if n more bytes would be too many. */
static void make_room(size_t n)
{
    if (said + n - offered > BURST)
        deliver_all();
}

/* Says the n bytes in buf to our part of the room. */
static void say(const char *buf, size_t n)
{
    if (n > HEAD_SIZE + LINE_SIZE)
        return; /* No server has published that, and the ring is small. */
    make_room(n);
    begin[lines++ % LINES_MAX] = said;
    append(buf, n);
}

/* Says something to c alone; but not if c lags, for it must not come into the
 * middle of a line. */
static void tell(struct client *c, const char *what, const char *why)
{
    char when[TIME_SIZE], word[HEAD_SIZE + WHY_SIZE];
    int n = snprintf(word, sizeof word, "[%s] server %s%.*s\n", now(when), what,
                     WHY_SIZE - 1, why);

    deliver(c);
    if (c->heard == said && c->last > said
        && send(c->fd, word, n, MSG_DONTWAIT) != n)
        let_go(c);
}

static struct client *find(unsigned id)
{
    struct client *c = room;

    while (c != NULL && c->id != id)
        c = c->next;
    return c;
}

/* The broker has taken a line; or librdkafka has given it up, and the speaker
 * is told. "Perhaps": nobody knows if the broker has taken it all the same. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    struct client *c = find((uintptr_t)m->_private);
    int never = rd_kafka_message_status(m) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
    const char *what = never ? "not said: " : "perhaps not said: ";
    const char *why = rd_kafka_err2str(m->err);

    (void)rk;
    (void)arg;
    pending -= m->len;
    if (m->err != 0)
        log_event(c != NULL ? c->name : "main", what, why);
    if (c == NULL)
        return;
    c->under_way--;
    if (m->err != 0)
        tell(c, what, why);
    else
        c->place = m->offset;
}

/* Sends a line of c's through the broker to everyone; it comes back to us, too.
 * librdkafka keeps it until the broker has it. While there is no broker it may
 * keep only so much, and then the speaker is told. */
static void publish(struct client *c, const char *head, const char *line,
                    size_t len)
{
    static char buf[HEAD_SIZE + LINE_SIZE];
    size_t n = strlen(head);

    memcpy(buf, head, n);
    memcpy(buf + n, line, len);
    n += len;
    if (!linked && pending + n > PENDING_MAX) {
        tell(c, "not said: ", "too much waits for the broker");
    } else if (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, buf, n, NULL, 0,
                                (void *)(uintptr_t)c->id)
               < 0) {
        tell(c, "not said: ", rd_kafka_err2str(rd_kafka_last_error()));
    } else {
        c->under_way++;
        pending += n;
    }
}

/* Notes that the broker is here, or is not. */
static void note(int is_here)
{
    if (met && is_here && !linked)
        log_event("main", "found the broker again at ", broker);
    if (!is_here && linked)
        log_event("main", "lost the broker at ", broker);
    linked = is_here;
    met = met || is_here;
}

/* The next line of the broker's log; or its end, for now: as we start, this
 * means that we have caught up with the room. */
static void on_message(const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        note(1);
    } else if (m->err != 0) {
        snprintf(cause, sizeof cause, "%s", rd_kafka_message_errstr(m));
    } else {
        if (reached >= 0 && m->offset > reached + 1)
            log_event("main", "some lines are lost: ", "the log is cut off");
        reached = m->offset;
        say(m->payload, m->len);
    }
}

/* Something went wrong. librdkafka tries again by itself, unless it can no
 * longer promise that what it sends again is said once: then it gives up. */
static void on_error(rd_kafka_t *rk, int err, const char *why, void *arg)
{
    const char *colon = strstr(why, ": ");
    char *end;

    (void)rk;
    (void)arg;
    if (err == RD_KAFKA_RESP_ERR__FATAL)
        die(broker, why);
    if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        down = 1;
        return;
    }
    snprintf(cause, sizeof cause, "%s", colon != NULL ? colon + 2 : why);
    end = strstr(cause, " (after ");
    if (end != NULL)
        *end = '\0'; /* how long, and in which state */
}

/* Called once a second: no event tells that a broker is back. There are logical
 * brokers, too, which do not count: they hold no log. */
static int on_stats(rd_kafka_t *rk, char *json, size_t n, void *arg)
{
    int is_up = strstr(json, "\"configured\", \"state\":\"UP\"") != NULL
                || strstr(json, "\"learned\", \"state\":\"UP\"") != NULL;

    (void)rk;
    (void)n;
    (void)arg;
    if (met)
        note(is_up);
    return 0; /* librdkafka frees json. */
}

/* Has librdkafka read the broker's log, from some lines before its end on; or
 * not yet, if the broker does not soon say where that is. */
static int start_reading(void)
{
    rd_kafka_topic_partition_list_t *parts;
    int64_t low, high;

    if (rd_kafka_query_watermark_offsets(consumer, room_name, 0, &low, &high,
                                         ATTEMPT)
        != 0)
        return 0;
    if (low < high - backlog)
        low = high - backlog;
    parts = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(parts, room_name, 0)->offset = low;
    rd_kafka_assign(consumer, parts);
    rd_kafka_topic_partition_list_destroy(parts);
    return 1;
}

/* Sees to it that we start, or says why we do not. */
static void tend(void)
{
    const char *why = cause[0] != '\0' ? cause : "no answer, or no such topic";

    if (!met && ((down && why == cause) || millis() >= due))
        die(broker, why);
    reading = reading || start_reading();
}

/* Whether c still lacks half of what the ring holds. */
static int lags(const struct client *c)
{
    return c->heard < c->last && said - c->heard > RING_SIZE / 2;
}

/* Has poll() wait for the bell, and returns for how long at most. After a cut
 * there is much to catch up with, and it comes faster than people read: so
 * while a client lags we take no more; one that still lags after HOLD is let
 * go. */
static int watch_broker(void)
{
    int somebody = 0, is_over = held != 0 && millis() >= held;

    for (struct client *c = room; c != NULL; c = c->next) {
        if (lags(c) && is_over) {
            log_event(c->name, "too slow", "");
            let_go(c);
        }
        somebody = somebody || lags(c);
    }
    if (!somebody)
        held = 0;
    else if (held == 0)
        held = millis() + HOLD;
    fds[BELL] = (struct pollfd){held != 0 ? -1 : bell[0], POLLIN, 0};
    if (is_over)
        return 0; /* await() frees them first. */
    return !reading ? ATTEMPT : held != 0 ? HOLD : 1000;
}

static void ring_bell(void)
{
    if (write(bell[1], "", 1) < 0)
        return; /* It is full, and so we wake up anyway. */
}

/* Takes what librdkafka has for us. It rings for the first thing in a queue,
 * not for each: so if we leave some, we ring for ourselves. */
static void serve_broker(void)
{
    char rings[MSG_SIZE];
    rd_kafka_message_t *m;
    size_t taken = 0;

    if (fds[BELL].revents == 0)
        return;
    while (read(bell[0], rings, sizeof rings) > 0)
        ;
    rd_kafka_poll(producer, 0);
    while (taken < BURST && (m = rd_kafka_consumer_poll(consumer, 0)) != NULL) {
        taken += m->len;
        on_message(m);
        rd_kafka_message_destroy(m);
    }
    if (taken >= BURST)
        ring_bell();
    fds[BELL].fd = -1; /* no more before we have looked for laggards */
}

/* Says each whole line of the n bytes in buf, and moves what is left, a piece
 * without its end, to the front. Returns its length, or -1 if c is to go: it
 * has said quit, or has been let go, and says no more. */
static ssize_t broadcast(struct client *c, char *buf, size_t n)
{
    char when[TIME_SIZE], head[HEAD_SIZE], *line = buf, *end;
    size_t len;
    ssize_t left = n;

    snprintf(head, HEAD_SIZE, "[%s] %s ", now(when), c->name);
    while ((end = memchr(line, '\n', left)) != NULL) {
        len = end + 1 - line;
        if (is_quit(line, len) || c->last == 0) {
            left = -1;
            break;
        }
        publish(c, head, line, len);
        line += len;
        left -= len;
    }
    if (left > 0)
        memmove(buf, line, left);
    return left;
}

/* Shows something on the console, unless that would block: when nobody reads
 * our stdout, it is lost, and the room goes on. */
static void print(const char *what, const char *end)
{
    struct pollfd out = {STDOUT_FILENO, POLLOUT, 0};

    if (poll(&out, 1, 0) == 1 && out.revents == POLLOUT)
        dprintf(STDOUT_FILENO, "%s%s", what, end);
}

static void list_room(void)
{
    for (struct client *c = room; c != NULL; c = c->next)
        print(c->name, "\n");
}

/* Takes the n bytes that recv() has put behind a piece of len bytes in buf.
 * Returns the length of the piece that is left, or -1 if c is to go. */
static ssize_t hear(struct client *c, char *buf, size_t len, ssize_t n)
{
    ssize_t left;

    if (n < 0) {
        log_event(c->name, "recv: ", strerror(errno));
        return -1;
    }
    if (n == 0 && len > 0)
        buf[len++] = '\n'; /* It leaves in good order: the piece is a line. */
    left = broadcast(c, buf, len + n);
    if (left == LINE_SIZE) {
        log_event(c->name, "line too long", "");
        return -1;
    }
    return n > 0 ? left : -1;
}

/* Whether all that c has said is back from the broker. */
static int is_back(const struct client *c)
{
    return c->under_way == 0 && c->place <= reached;
}

/* All that was said so far is due to c, and its own last words, which are still
 * on their way, and no more: await() will free it. */
static void hear_out(struct client *c)
{
    if (linked && !is_back(c))
        c->until = millis() + LINGER;
    else if (c->last > said)
        c->last = said;
}

/* Whether we listen to c. Not once it has left; and to nobody while the broker
 * is behind, or what waits for it would fill our memory. */
static int may_speak(const struct client *c)
{
    int behind = linked && pending >= PENDING_MAX;

    return c->last > said && c->until == 0 && !behind;
}

/* Whether c has left, and has heard its last words, or waited long enough. */
static int may_go(const struct client *c)
{
    return c->until != 0 && (is_back(c) || millis() >= c->until);
}

/* Keeps a piece of n bytes until the rest comes; -1 if there is no memory. */
static int keep(struct client *c, const char *piece, size_t n)
{
    free(c->piece);
    c->piece = NULL;
    c->len = n;
    if (n == 0)
        return 0;
    c->piece = malloc(n);
    if (c->piece == NULL) {
        log_event(c->name, "malloc: ", strerror(errno));
        return -1;
    }
    memcpy(c->piece, piece, n);
    return 0;
}

/* Takes what c has to say now. A thread kept the piece on its stack until the
 * next recv(); here all share one buffer, and c must keep it. */
static void serve(struct client *c)
{
    static char buf[LINE_SIZE];
    ssize_t n, len;

    if (c->len > 0)
        memcpy(buf, c->piece, c->len);
    n = recv(c->fd, buf + c->len, sizeof buf - c->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    len = hear(c, buf, c->len, n);
    if (len < 0 || keep(c, buf, len) < 0)
        hear_out(c);
}

/* Frees those that have left and had their due; then waits for something to do.
 * If we asked for POLLOUT when nothing is due, or for POLLIN after the end of
 * a stream, poll() would return at once, again and again. A client that
 * does not read may not speak. Returns how many fds are in use. */
static nfds_t await(void)
{
    nfds_t n = CLIENTS;
    struct client *next;
    int rest;

    for (struct client *c = room; c != NULL; c = next) {
        next = c->next;
        if (c->last > said && may_go(c))
            c->last = said;
        if (c->heard >= c->last)
            leave(c);
        else if (c->heard < said)
            fds[n++] = (struct pollfd){c->fd, POLLOUT, 0};
        else
            fds[n++] = (struct pollfd){may_speak(c) ? c->fd : -1, POLLIN, 0};
    }
    rest = full == time(NULL);
    fds[SIGNALS] = (struct pollfd){wake[0], POLLIN, 0};
    fds[CONSOLE] = (struct pollfd){input, POLLIN, 0};
    fds[LISTENER] = (struct pollfd){rest ? -1 : listener, POLLIN, 0};
    poll(fds, n, watch_broker());
    return n;
}

/* Returns the next client, or NULL if there is none. One that came and went
 * is no error; when descriptors or memory run out we rest for a second: the
 * newcomer waits in the queue, and the room goes on. */
static struct client *accept_client(void)
{
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    struct client *c = calloc(1, sizeof *c);
    int on = 1;

    if (c != NULL)
        c->fd = accept(listener, (struct sockaddr *)&addr, &len);
    if (c != NULL && c->fd >= FD_LIMIT) {
        close(c->fd);
        c->fd = -1;
        errno = EMFILE;
    }
    if (c == NULL || c->fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            log_event("accept", "accept: ", strerror(errno));
            full = time(NULL);
        }
        free(c);
        return NULL;
    }
    fcntl(c->fd, F_SETFL, 0); /* BSD hands the listener's O_NONBLOCK on. */
    /* Or TCP holds small pieces back, to gather them, until it hears from the
     * reader, and that may take 40 ms. We have gathered them already. */
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    name_of(&addr, c->name);
    return c;
}

static void accept_loop(void)
{
    struct client *c;

    while ((c = accept_client()) != NULL) {
        log_event(c->name, "joined", "");
        join(c);
    }
}

/* strtol(3), because getaddrinfo(3) takes 99999 and http. */
static int is_port(const char *s)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0')
        return 0;
    return strtol(s, NULL, 10) <= 65535;
}

/* Returns the port of the broker, or dies and says why. */
static const char *broker_port(void)
{
    const char *colon = strrchr(broker, ':');

    if (colon == NULL)
        die(broker, "a broker is HOST:PORT");
    if (!is_port(colon + 1))
        die(broker, "a port is a number from 0 to 65535");
    return colon + 1;
}

/* Sets an option of librdkafka. */
static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[WHY_SIZE];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof text)
        != RD_KAFKA_CONF_OK)
        die(name, text);
}

static void set_number(rd_kafka_conf_t *conf, const char *name, int value)
{
    char text[NAME_SIZE];

    snprintf(text, sizeof text, "%d", value);
    set(conf, name, text);
}

/* Takes conf; returns a producer or a consumer, or dies. Either has threads of
 * its own inside, but they never call us: they ring the bell, and our one
 * thread takes what they have, in serve_broker(). */
static rd_kafka_t *open_kafka(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char text[WHY_SIZE];
    rd_kafka_t *rk;
    rd_kafka_queue_t *q;

    set(conf, "bootstrap.servers", broker);
    set_number(conf, "reconnect.backoff.max.ms", DELAY_MAX);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, NULL); /* We say what matters of it. */
    rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL)
        die(broker, text);
    if (type == RD_KAFKA_CONSUMER)
        rd_kafka_poll_set_consumer(rk);
    q = type == RD_KAFKA_CONSUMER ? rd_kafka_queue_get_consumer(rk)
                                  : rd_kafka_queue_get_main(rk);
    rd_kafka_queue_io_event_enable(q, bell[1], "", 1);
    rd_kafka_queue_destroy(q);
    return rk;
}

/* Idempotent: a line that is sent again is not said twice, and not out of
 * order. All: the broker answers once every copy of its log has the line. */
static void open_producer(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "0");
    set_number(conf, "socket.timeout.ms", AGAIN);
    set_number(conf, "message.timeout.ms", EXPIRY);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer = open_kafka(RD_KAFKA_PRODUCER, conf);
    topic = rd_kafka_topic_new(producer, room_name, NULL);
    if (topic == NULL)
        die(room_name, rd_kafka_err2str(rd_kafka_last_error()));
}

/* It keeps our place in the broker's log, and goes on there after a cut. It
 * wants the name of a group, though we join none: the members of a group would
 * share the lines. */
static void open_consumer(void)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "group.id", "none");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "allow.auto.create.topics", "true");
    set(conf, "enable.partition.eof", "true");
    set(conf, "fetch.wait.max.ms", "100");
    set(conf, "queued.max.messages.kbytes", "4096");
    set_number(conf, "socket.timeout.ms", PATIENCE);
    set_number(conf, "statistics.interval.ms", 1000);
    rd_kafka_conf_set_stats_cb(conf, on_stats);
    consumer = open_kafka(RD_KAFKA_CONSUMER, conf);
}

static void open_broker(void)
{
    broker_port();
    if (pipe(bell) < 0)
        die("pipe", strerror(errno));
    fcntl(bell[0], F_SETFL, O_NONBLOCK);
    fcntl(bell[1], F_SETFL, O_NONBLOCK);
    due = millis() + START;
    open_producer();
    open_consumer();
    ring_bell(); /* for what was in the queues before they could ring */
}

/* Gives the broker a second to take what was said last. */
static void close_broker(void)
{
    if (linked)
        rd_kafka_flush(producer, 1000);
    if (pending > 0)
        log_event("main", "perhaps not said: ", "what came last");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    rd_kafka_destroy_flags(consumer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    close(bell[0]);
    close(bell[1]);
}

/* Returns a socket that listens on host:port, or dies and says why. */
static int listen_on(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *ai;
    struct sockaddr_in addr;
    socklen_t len = sizeof addr;
    char where[WHERE_SIZE], name[NAME_SIZE];
    int fd, err, on = 1;

    snprintf(where, sizeof where, "%s:%s", host, port);
    if (!is_port(port))
        die(where, "a port is a number from 0 to 65535");
    err = getaddrinfo(host, port, &hints, &ai);
    if (err != 0)
        die(where, gai_strerror(err));
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0
        || bind(fd, ai->ai_addr, ai->ai_addrlen) < 0
        || listen(fd, SOMAXCONN) < 0)
        die(where, strerror(errno));
    freeaddrinfo(ai);
    getsockname(fd, (struct sockaddr *)&addr, &len);
    name_of(&addr, name);
    log_event("main", "listening on ", name);
    return fd;
}

static void stop(void)
{
    stopping = 1;
    log_event("main", "stopping", "");
}

/* SIGINT and SIGTERM end the server as quit does: await() sees the byte. */
static void on_signal(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(wake[1], "", 1) < 0)
        errno = saved;
}

static void prompt(void)
{
    if (isatty(STDIN_FILENO))
        print(">>> ", "");
}

/* Takes one byte, and obeys the line once it is whole. Not with stdio, which
 * may fetch two lines and hand out one: poll() does not know of the other.
 * When the input ends, we serve on without it. */
static void console(void)
{
    static char line[MSG_SIZE]; /* A longer line counts as several. */
    static size_t len;
    ssize_t n = read(input, line + len, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        input = -1;
    else if (line[len++] != '\n' && len < sizeof line - 1)
        return;
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    if (strcmp(line, "quit") == 0) {
        stop();
    } else if (len > 0) {
        print("threads: 1", "\n");
        list_room();
        prompt();
    }
    len = 0;
}

/* Hears all that have something to say, and those that speak up meanwhile; then
 * sends it all to each at once. Nobody joins or leaves until then, so fds is
 * still in the room's order. */
static void turn(void)
{
    nfds_t n;
    int more = 3;

    tend();
    n = await();
    do {
        struct pollfd *p = fds + CLIENTS;

        serve_broker();
        for (struct client *c = room; c != NULL; c = c->next, p++)
            if (p->events == POLLIN && p->revents != 0 && may_speak(c))
                serve(c);
    } while (more-- > 0 && poll(fds, n, 0) > 0);
    deliver_all();
    if (fds[LISTENER].revents != 0)
        accept_loop();
    if (fds[CONSOLE].revents != 0)
        console();
    if (fds[SIGNALS].revents != 0)
        stop();
}

static void usage(int help)
{
    fprintf(
        help ? stdout : stderr,
        "usage: server [-b BROKER] [-r ROOM] [-l LINES] [[HOST] PORT]\n"
        "(localhost and 9999, 127.0.0.1:9092, room and 10 when left out)\n");
    exit(help ? 0 : 2);
}

/* Returns how many lines s says, or dies and says why. */
static int number_of_lines(const char *s)
{
    if (*s == '\0' || s[strspn(s, "0123456789")] != '\0'
        || strtol(s, NULL, 10) > LINES_MAX)
        die(s, "LINES is a number from 0 to 1024");
    return strtol(s, NULL, 10);
}

/* Leaves in optind where the host and the port are. */
static void options(int argc, char *argv[])
{
    int option;

    opterr = 0; /* What getopt() would say, usage() says. */
    while ((option = getopt(argc, argv, "hb:r:l:")) != -1) {
        if (option == 'b')
            broker = optarg;
        else if (option == 'r')
            room_name = optarg;
        else if (option == 'l')
            backlog = number_of_lines(optarg);
        else
            usage(option == 'h');
    }
    if (argc - optind > 2)
        usage(0);
}

int main(int argc, char *argv[])
{
    const char *host, *port;
    struct sigaction quit = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    options(argc, argv);
    host = argc - optind > 1 ? argv[optind] : "localhost";
    port = argc > optind ? argv[argc - 1] : "9999";
    signal(SIGPIPE, SIG_IGN); /* so that send() fails with EPIPE instead */
    if (pipe(wake) < 0)
        die("pipe", strerror(errno));
    sigaction(SIGINT, &quit, NULL);
    sigaction(SIGTERM, &quit, NULL);
    open_broker();
    while (!linked && !stopping)
        turn(); /* Nobody can join before we hear the other servers. */
    if (!stopping)
        listener = listen_on(host, port);
    fcntl(listener, F_SETFL, O_NONBLOCK); /* accept() never blocks */
    prompt();
    while (!stopping)
        turn();
    while (room != NULL)
        leave(room);
    close_broker();
    close(listener);
    close(wake[0]);
    close(wake[1]);
    return 0;
}
