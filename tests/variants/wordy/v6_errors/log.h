/* The diary of the server: stderr, one line at a time. */
#ifndef LOG_H
#define LOG_H

enum level { DEBUG, INFO, WARN, ERROR };

void diary(enum level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
