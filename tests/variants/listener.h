/* listener: what several of the designs have in common, and what is none of
 * their ideas, in an older way than door: the log, and the way from the command
 * line to a listening socket. */
#ifndef LISTENER_H
#define LISTENER_H

/* A line of the log, as printf(3); stdio locks stderr, so lines stay whole. */
void note(const char *who, const char *format, ...);

/* The command line: a socket that listens, the caller's to close, or the end
 * of the program. */
int from_arguments(int argc, char *argv[]);

#endif
