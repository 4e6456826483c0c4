#define _POSIX_C_SOURCE 200809L
#include "log.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Date, level, and text are put together first, so that it is one write. */
void diary(enum level level, const char *format, ...)
{
    static const char *const names[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    char line[512];
    struct timespec now;
    struct tm tm;
    size_t used;
    va_list more;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &tm);
    used +=
        snprintf(line + used, sizeof line - used,
                 ".%03ldZ [%s] chat: ", now.tv_nsec / 1000000, names[level]);
    va_start(more, format);
    vsnprintf(line + used, sizeof line - used - 1, format, more);
    va_end(more);
    strcat(line, "\n");
    if (write(STDERR_FILENO, line, strlen(line)) < 0)
        return; /* Nobody keeps this diary. */
}
