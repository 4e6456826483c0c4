/* The log: a line on stderr, with the time. */
#include "log.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

void log_line(const char *what, const struct sockaddr_in *whom,
              const char *then)
{
    char when[40];
    time_t t = time(NULL);

    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime(&t));
    fprintf(stderr, "%s main %s%s:%d%s\n", when, what,
            inet_ntoa(whom->sin_addr), ntohs(whom->sin_port), then);
}
