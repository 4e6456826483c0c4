/* load.h: what the files of the load generator share. */
#ifndef LOAD_H
#define LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
    LINE_MIN = 16,
    LINE_MAX = 65536,
    WRAP_SIZE = 128, /* the most that a protocol puts around a line */
    BUF_SIZE = 4 * LINE_MAX,
    SERVERS = 16, /* the most that one room has */
    EVENTS = 256
};

/* What an option says that may be given more than once. */
struct list {
    int n, of[SERVERS];
};

/* What is asked for; main fills it in, and nothing changes it later. */
struct options {
    const struct protocol *protocol;
    struct list ports, pids; /* of the servers of one room */
    int broker;              /* the pid of what stands between them, or 0 */
    int members, speakers, window, size;
    int stalled, stalls, resets, visits, drips;
    int most_lines; /* 0: no end */
    double seconds, warm;
    const char *histogram, *log;
    char **command;
    int ceiling, self, become;
};
extern struct options opt;

/* A descriptor that we wait for, and what to do when it is readable. */
struct peer {
    int fd;
    void (*readable)(struct peer *p);
};

/* How far a member has heard one speaker: always within the window. */
struct place {
    uint32_t line, byte;
};

/* One who hears, and whose every byte is checked. */
struct member {
    struct peer peer; /* first, so that a peer is a member */
    int own;          /* the number of the speaker that it is, or -1 */
    int talker;       /* whose words come now, or -1 (our rungs only) */
    char *rest;       /* what waits for the end of its frame */
    size_t rest_size;
    struct place *heard; /* one for each speaker */
};

struct speaker {
    struct member *member;
    struct member *pacer; /* with -a: she goes on when this one has heard */
    struct peer *mouth;   /* where she speaks: her member's, or her own */
    uint32_t said, base;  /* base: the first line not yet heard by all */
    char *text;           /* the lines under way: line k is at k % slots */
    uint64_t *when;       /* and when each was said, in nanoseconds */
    uint32_t *hearers;    /* and how many have heard it */
    uint32_t audience;    /* how many are to hear it */
    char *out;            /* what is yet to be sent */
    size_t out_size, out_sent;
    int may_speak, allowed;
};

/* How a server is spoken to. Each function is small: see protocols.c. */
struct protocol {
    const char *name;
    const char *about;
    int echo;        /* does a speaker hear herself? */
    int extra_mouth; /* do speakers need a connection of their own to speak? */
    /* Enters the room; returns once the server has said so, if it says so. */
    void (*enter)(int fd, int number);
    /* Writes a line of n bytes, in its frame, to out; returns its size. */
    size_t (*wrap)(char *out, const char *line, size_t n);
    /* Hands all words in buf to hear(); returns how many bytes are done. */
    size_t (*parse)(struct member *m, const char *buf, size_t n);
};
const struct protocol *find_protocol(const char *name);
void list_protocols(FILE *out);
void see_all_in(void);

/* room.c: who is in the room, what is said, and that all of it is heard. */
extern struct speaker *speakers;
extern uint64_t deliveries, bytes_heard, last_delivery, longest_gap;
void make_room(void);
void open_mouths(void);
void hear(struct member *m, int speaker, const char *text, size_t n);
int speaker_at(int port);
int speak_all(void);
void forget_gap(void);
int first_line_heard(void);
int all_said(void);

/* visitors.c: those who are not checked: who stall, come, go and reset. */
void discard(struct peer *p);
void add_stalled(void);
void visit(uint64_t now);

/* histogram.c */
void hist_add(uint64_t ns);
void hist_clear(void);
double hist_ms(double quantile);
void hist_write(const char *file);

/* machine.c: what differs between systems, and the server's process. */
void raise_limit(void);
int choose_cores(void);
void use_core(int server);
void watch(struct peer *p);
void unwatch(struct peer *p);
int wait_ready(struct peer *ready[], int ms);
uint64_t now_ns(void);
double cpu_of(int pid);
double cpu_of_all(void);
long memory_of_servers(void);
void become_server(void);
int start_server(void);
void stop_server(void);
extern long memory_at_start; /* the servers', when the first came */
int dial(int number);
int free_port(void);

/* ceiling.c */
int ceiling(void);

/* load.c */
void die(const char *what, const char *why);
void fault(const char *what, int number);

#endif
