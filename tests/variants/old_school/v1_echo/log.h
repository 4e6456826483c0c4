/* The log: a line on stderr, with the time. */
#ifndef LOG_H
#define LOG_H

#include <netinet/in.h>

void log_line(const char *what, const struct sockaddr_in *whom,
              const char *then);

#endif
