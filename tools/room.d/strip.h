/*
 * strip: a server in a room, and what each of its threads waits in.
 *
 *     strip [-t TERMINAL] [-n FILE] [-b PORT] [-o NAME] [-p]
 *           FOLDER PROGRAM [ARGUMENT...]
 *
 * Runs the program in this terminal, as a shell would, shows what it logs with
 * shorter stamps, and draws its threads on TERMINAL, at each change and once a
 * second. FOLDER holds a file for each person of the room, named like her, with
 * the process number of her client: so a descriptor has a name. Once her client
 * is connected, there is a file .NAME, too.
 *
 *     -n   the port that it listens on is written there
 *     -b   the broker's port
 *     -o   what to call the thread that polls, and does not accept
 *     -p   it has a console, and a prompt that goes below each line of the log
 *
 * The program is a child of this one, since a system may tell what a process
 * waits in to its parent alone (Yama, ptrace_scope 1).
 *
 * Exit status: that of the program, or 128 and the signal that ended it; 98 if
 * the program says that its port is in use.
 */
#ifndef STRIP_H
#define STRIP_H
#include "peer.h"
#include "tasks.h"

/* --- who.c: who is behind a port --- */

/* Looks again at who is connected from where, to the server at that port. */
void look_at_people(const char *folder, int port);

/* Whoever is at that port has a name. */
void remember(int port, const char *name);

/* The name behind a port: a person's, also one who has just left; else "port
 * 41022". It is good until the next call but three. */
const char *who_at(int port);

/* Is that the inode of a socket that listens? */
int is_listener(unsigned long inode);

/* The port at the other end of the socket with that inode; 0 if there is none.
 */
int port_at(unsigned long inode);

/* The Ith port whose connection nobody has accepted yet; 0 if there are fewer.
 */
int unaccepted(int i);

/* --- rows.c: what each thread does --- */

/* One line of the strip. */
struct row {
    char name[32], does[96];
    int color; /* of what it does, as SGR has it; 0: none */
};

enum { ROWS_MAX = 700 };

/* Fills rows with what the server does now; returns how many they are. `other`
 * names the thread that polls, and does not accept; it may be NULL. */
int tell_threads(struct row *rows, pid_t server, const char *other);

#endif
