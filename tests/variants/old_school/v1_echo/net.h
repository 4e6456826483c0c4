/* Sockets, as far as an echo server needs them. */
#ifndef NET_H
#define NET_H

#include <netinet/in.h>
#include <stddef.h>

/* A listening socket; *at is its address. -1, and *why, if there is none. */
int net_listen(const char *host, const char *port, struct sockaddr_in *at,
               const char **why);

/* The next connection; *from is the other end. -1 and errno. */
int net_accept(int listener, struct sockaddr_in *from);

/* Writes all of it; -1 and errno. */
int net_write(int fd, const void *data, size_t size);

#endif
