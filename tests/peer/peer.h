/*
 * peer: the people of a test, and the stage they play on.
 *
 * One peer runs beside one test. It reads orders from its standard input, one
 * a line, and answers each with one line, "TOKEN ok [WORD...]" or "TOKEN fail
 * CLASS", where TOKEN is what the first order says:
 *
 *     WHO<tab>VERB[<tab>ARGUMENT...]
 *
 * After "fail" the file "report" in the folder named on the command line says
 * what was expected and what was seen; "log" there holds the stderr of the
 * program under test after "fail", "server refuses" and "server output". Bytes
 * are written as in C: \n \r \t \0 \\ \xHH. The orders that there are stand in
 * orders.c.
 *
 * Everybody is non-blocking, and one loop (loop.c) reads for all of them, so a
 * person who is slow holds up nobody but the server that waits for her.
 * Whatever waits has one deadline, and gives up at once when the server has
 * died.
 *
 * The sections below are the files, in an order in which they can be read.
 */
#ifndef PEER_H
#define PEER_H
#define _XOPEN_SOURCE 700
#if defined(__linux__) || defined(__APPLE__)
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif
#include "guard.h"
#include <stddef.h>
#include <time.h>

enum {
    MAX_PEERS = 12000,
    MAX_OTHERS = 4,
    MAX_CLIENTS = 8,
    MAX_PROGRAMS = 2 + MAX_OTHERS + MAX_CLIENTS,
    MAX_ARGS = 32,
    LOG_MAX = 8 << 20,    /* a program that says more to one of us,... */
    SAID_MAX = 256 << 20, /* or to all of us, is ended */
    WATCH_MS = 50         /* how often we look whether one does harm */
};

/* --- bytes.c: text that grows --- */

/* All zero it is empty; what p points to belongs to it, until forget(). */
struct bytes {
    char *p; /* with a NUL behind it; NULL: nothing has been added */
    size_t len, size;
};

void add(struct bytes *b, const char *p, size_t n);
void addf(struct bytes *b, const char *format, ...);
void forget(struct bytes *b);
int skip_past(const struct bytes *b, size_t *done, const struct bytes *words);
int mentions(const struct bytes *b, size_t from, const char *words);
void unescape(struct bytes *to, const char *s);
void escape(struct bytes *to, const char *p, size_t n, size_t place);

struct peer;
struct prog;

/* --- history.c: who did what when, for tools/trace --- */

void history(const char *who, const char *what, ...);
void history_of_hearing(const struct peer *p, const char *bytes, size_t n);
ssize_t send_as(const struct peer *p, const char *bytes, size_t n);
void history_of_order(const char *who, char **words);
int trace_program(struct limits *limits);

/* --- answers.c: what the test is told --- */

/* Each order is answered once, by one of reply(), fail() and fail_showing(). */
void answer_in(const char *folder);
void answer_with(const char *token);
void save(const char *name, const struct bytes *b);
void save_log(const struct prog *g);
void reply(const char *format, ...);
void fail(const char *class, const char *format, ...);
void fail_showing(const char *class, struct bytes *report);

/* --- loop.c: the stage, and the loop that reads for all on it --- */

struct peer {
    char name[32], addr[64];
    int fd;              /* -1: not connected */
    struct prog *server; /* whom she talks to */
    int deaf;            /* does not read */
    int skims;           /* reads, and forgets what she heard long ago */
    int leaving;         /* says no more */
    int ended, err;      /* end-of-stream seen, or this errno */
    struct bytes heard;  /* her transcript */
    size_t total;        /* how much she has heard, with what she forgot */
    size_t done;         /* how much of it has been asked for */
    size_t since;        /* the server's log when she came */
    time_t said;         /* when she began to say what she said last */
    size_t flooded;      /* how much she has said of what flood_line() makes */
};

struct prog {
    char name[32];
    struct child child;
    struct bytes out, err;
    size_t done;        /* how much of out has been asked for */
    int unread;         /* nobody reads its stdout */
    int port;           /* where it listens, if it is a server or the broker */
    int mourned;        /* the history has it that it ended */
    int frozen;         /* by us: it does nothing until it is thawed */
    const char *excess; /* why we have ended it, if so */
};

struct stage {
    struct prog server;
    struct prog others[MAX_OTHERS]; /* more servers, "server:NAME" */
    int nothers;
    struct prog broker;               /* what stands between servers */
    struct prog clients[MAX_CLIENTS]; /* "client", or "client:NAME" */
    int nclients;
    struct peer *peers[MAX_PEERS];
    int npeers;
    int deadline_ms; /* for whatever waits */
    int idle_ms;     /* the same, when no program will do anything more */
    int waited_ms;   /* how long the last wait in vain was */
    size_t said;     /* bytes that the programs have said, to anyone */
    char
        home[1024]; /* the folder that they run in; others have one beside it */
    const struct prog *asked; /* the server that the last order was about */
};

extern struct stage stage;

int watch_children(void);
struct prog *program(int i);
long now_ms(void);
int drain(int fd, struct bytes *b, size_t most);
void pump(long ms, int with_orders, int writer);
int nobody_asks(void);
int until_every(long ms, int (*done)(void *), void *arg);
int until(int (*done)(void *), void *arg);
int until_once(const char *variable, int *once, int (*done)(void *), void *arg);

/* --- processes.c: how programs fare, as far as the system tells --- */

/* At rest: three looks, at least 10 ms apart, at all threads asleep. */
struct rest {
    struct prog *prog;
    int looks;
    long last; /* ms */
};

void remember_before(void);
const char *ending(const struct prog *g);
int has_ended(void *prog);
int has_died(const struct prog *g);
const char *why_closed(struct prog *server);
void look_after_all(void);
long memory_of(pid_t pid);
int count_threads(const struct prog *g, int *asleep);
int rests(struct rest *r);
int is_stuck(const struct prog *g);
int count_descriptors(pid_t pid);
long stat_field(pid_t pid, int n);

/* --- threads.c: what each thread of a program is doing (Linux) --- */

/* Remembers who is served by which thread; to be called when all of them rest,
 * each in its recv(). */
void threads_note(pid_t pid);

/* 1 if each thread is asleep in a call that no time limit ends; 0 if not, or
 * where nothing tells. *turns becomes another number whenever a thread has run
 * between two looks; it is to be 0 before each. */
int threads_wait_for_ever(pid_t pid, unsigned long *turns);

/* Adds a line for each thread that does something else than the others, as
 * proc(5) tells it: in which call it waits, for whom, and who holds the mutex
 * that it waits for. Adds nothing where nothing tells. */
void threads_tell(struct bytes *report, pid_t pid);

/* --- people.c: who there is, and how they connect, send and hang up --- */

int is_person(const char *name);
struct peer *find(const char *name);
struct peer *named(const char *name);
struct peer *peer_at(int port);
struct peer *new_peer(const char *name);
void nonblocking(int fd);
void new_talk(struct peer *p, int fd);
int knock(struct peer *p, const char *ip, int rcvbuf);
int logged(const struct peer *p, const char *what);
int has_joined(void *peer);
int has_left(void *peer);
size_t send_some(struct peer *p, const char *buf, size_t n);
void hang_up(struct peer *p);
void reset(struct peer *p);

/* --- hearing.c: what a rung answers, and whether it was heard --- */

/* Expected bytes; where like holds 'd', any digit will do. */
struct pattern {
    struct bytes text, like;
};

struct hearing {
    struct pattern want;
    struct bytes *heard;
    size_t *done;
    struct peer *peer;
};

void end_line(struct bytes *msg);
size_t agree(const struct pattern *e, size_t at, const char *p, size_t n);
int head_at(const struct peer *from, const char *p, size_t n);
int hear_first(struct peer *p, struct peer *from, const char *text,
               const char *other);
int hear_one(struct peer *p, struct peer *from, const char *text, int times);
int has_found(void *hearing);
void reply_heard(const struct bytes *b, size_t since, size_t done);

/* --- differs.c: how what was heard is not what was expected --- */

void tell_port(struct bytes *report, const char *address, const char *right);
int tell_again(struct bytes *report, const char *heard, size_t done, size_t n);
void tell_difference(struct bytes *report, const struct hearing *h);

/*
 * The rest are the verbs: what orders.c calls, with who is to do it and what
 * stands behind the verb, a NULL last. Each answers the order; how it is
 * written and what it answers stands before its definition.
 */

/* --- programs.c: what the programs under test are made to do --- */

int is_server(const char *who);
int is_client(const char *who);
struct prog *find_program(const char *who);
const char *home_of(const struct prog *g);
int launch(struct prog *g, char *argv[], struct limits *limits);
void server_starts(struct prog *g, char **arg);
void server_refuses(struct prog *g, char **arg);
void server_lives(struct prog *g, char **arg);
void program_freezes(struct prog *g, char **arg);
void program_thaws(struct prog *g, char **arg);
void program_dies(struct prog *g, char **arg);
void program_gets(struct prog *g, char **arg);
void server_threads(struct prog *g, char **arg);
void server_descriptors(struct prog *g, char **arg);
void server_memory(struct prog *g, char **arg);
void server_works_for(struct prog *g, char **arg);
void server_has_terminal(struct prog *g, char **arg);
void client_starts(struct prog *g, char **arg);
void program_types(struct prog *g, char **arg);
void program_closes_input(struct prog *g, char **arg);
void program_stops_reading(struct prog *g, char **arg);
void program_shows(struct prog *g, char **arg);
void program_output(struct prog *g, char **arg);
void program_logs(struct prog *g, char **arg);
void program_rests(struct prog *g, char **arg);
void program_ends(struct prog *g, char **arg);

/* --- console.c: what a program answers at its console --- */

void program_answers(struct prog *g, char **arg);
void program_lists(struct prog *g, char **arg);
void program_counts(struct prog *g, char **arg);

/* --- broker.c: what stands between servers --- */

void broker_starts(struct prog *g, char **arg);
void broker_restarts(struct prog *g, char **arg);

/* --- deeds.c: what one person does --- */

int do_knock(struct peer *p, int rcvbuf);
int wait_for_join(struct peer *p);
int do_join(struct peer *p, int rcvbuf);
int is_over(void *peer);
void knocks(struct peer *p, char **arg);
void joins(struct peer *p, char **arg);
void reaches(struct peer *p, char **arg);
void says(struct peer *p, char **arg);
void sends(struct peer *p, char **arg);
void says_slowly(struct peer *p, char **arg);
void hears(struct peer *p, char **arg);
void hears_before(struct peer *p, char **arg);
void hears_exactly(struct peer *p, char **arg);
void hears_at_last(struct peer *p, char **arg);
void heard_time(struct peer *p, char **arg);
void waits_a_second(struct peer *p, char **arg);
void transcript(struct peer *p, char **arg);
void sees_end(struct peer *p, char **arg);
void is_let_go(struct peer *p, char **arg);
void is_logged_left(struct peer *p, char **arg);
void leaves(struct peer *p, char **arg);
void half_closes(struct peer *p, char **arg);
void crashes(struct peer *p, char **arg);
void vanishes(struct peer *p, char **arg);
void stops_reading(struct peer *p, char **arg);
void reads_on(struct peer *p, char **arg);
void skims(struct peer *p, char **arg);
void is_unserved(struct peer *p, char **arg);

/* --- floods.c: megabytes, and whoever hears them all --- */

void floods(struct peer *p, char **arg);
void talks_without_end(struct peer *p, char **arg);
void drinks(struct peer *p, char **arg);
void program_floods(struct prog *g, char **arg);

/* --- crowd.c: many at once --- */

/* n is the first argument, and not more than MAX_PEERS. */
void crowd_joins(int n, char **arg);
void crowd_agrees(int n, char **arg);
void crowd_fills(int n, char **arg);
void crowd_hears(int n, char **arg);
void crowd_greets(int n, char **arg);
void crowd_vanishes(int n, char **arg);
void crowd_comes_and_goes(int n, char **arg);
void crowd_chats(int n, char **arg);
void crowd_storms(int n, char **arg);

/* --- host.c: the server that the test plays, for the client --- */

void host_listens(struct peer *p, char **arg);
void host_accepts(struct peer *p, char **arg);
void host_disappears(struct peer *p, char **arg);
void host_sees_farewell(struct peer *p, char **arg);

/* --- orders.c: the table of all orders, and who obeys them --- */

void obey_all(void);

#endif
