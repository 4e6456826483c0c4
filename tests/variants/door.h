/* door: what several of the designs have in common, and what is none of their
 * ideas: the log, and the way from the command line to a listening socket. */
#ifndef DOOR_H
#define DOOR_H
#include <netinet/in.h>

enum {
    NAME_MAX_LEN = 32, /* "127.0.0.1:50546" */
    TIME_LEN = 32
};

/* Writes the local time into buf, which has TIME_LEN bytes; returns buf. */
const char *clock_time(char *buf);

/* One event: one line on stderr, in one write. */
void say(const char *who, const char *what, const char *more);

/* Writes IP:PORT into name, which has NAME_MAX_LEN bytes. */
void endpoint(char *name, const struct sockaddr_in *a);

/* The command line: a socket that listens, the caller's to close, or the end
 * of the program. */
int start(int argc, char *argv[]);

#endif
