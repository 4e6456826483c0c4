/* bytes: text that grows, is searched, and is written as a person reads it. */
#include "peer.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 200 }; /* so much of a long text */

/* Appends n bytes of p; out of memory is the end of the peer. */
void add(struct bytes *b, const char *p, size_t n)
{
    if (b->len + n + 1 > b->size) {
        b->size = (b->len + n + 1) * 2;
        b->p = realloc(b->p, b->size);
        if (b->p == NULL) {
            perror("peer");
            exit(1);
        }
    }
    memcpy(b->p + b->len, p, n);
    b->len += n;
    b->p[b->len] = '\0';
}

/* Appends text as printf(3) writes it, at most 4095 bytes. */
void addf(struct bytes *b, const char *format, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    add(b, text, strlen(text));
}

/* Frees what b owns: it is empty again. */
void forget(struct bytes *b)
{
    free(b->p);
    memset(b, 0, sizeof *b);
}

/* Moves *done behind the next words in b; 0 if there are none. */
int skip_past(const struct bytes *b, size_t *done, const struct bytes *words)
{
    for (size_t i = *done; i + words->len <= b->len; i++)
        if (memcmp(b->p + i, words->p, words->len) == 0) {
            *done = i + words->len;
            return 1;
        }
    return 0;
}

/* Do the words stand in b, from that byte on? */
int mentions(const struct bytes *b, size_t from, const char *words)
{
    struct bytes w = {(char *)words, strlen(words), 0};

    return skip_past(b, &from, &w);
}

/* Appends what s means, \n a newline and so on. */
void unescape(struct bytes *to, const char *s)
{
    static const char from[] = "nrt0\\", into[] = "\n\r\t\0\\";
    unsigned hex;
    const char *at;
    char c;

    while (*s != '\0') {
        c = *s++;
        if (c == '\\' && *s == 'x' && sscanf(s + 1, "%2x", &hex) == 1) {
            c = (char)hex;
            s += 3;
        } else if (c == '\\' && *s != '\0' && (at = strchr(from, *s))) {
            c = into[at - from];
            s++;
        }
        add(to, &c, 1);
    }
}

/* One byte as a person can read it. */
static void escape_one(struct bytes *to, char byte)
{
    static const char from[] = "\n\r\t\0\\", into[] = "nrt0\\";
    const char *at = memchr(from, byte, sizeof from - 1);
    unsigned char c = byte;

    if (at != NULL)
        addf(to, "\\%c", into[at - from]);
    else if (c < 32 || c >= 127)
        addf(to, "\\x%02x", c);
    else
        add(to, &byte, 1);
}

/* Bytes as a person can read them, many of a kind counted; of long texts only
 * what is around place, or the beginning. */
void escape(struct bytes *to, const char *p, size_t n, size_t place)
{
    size_t i = n > 4096 && place > SHOWN_MAX ? place - SHOWN_MAX : 0;
    size_t run, shown = 0;

    if (n == 0)
        addf(to, "(nothing)");
    if (i > 0)
        addf(to, "(%lu bytes, then) ", (unsigned long)i);
    for (; i < n && (shown < SHOWN_MAX || i < place + SHOWN_MAX / 2);
         i += run) {
        run = 1;
        while (i + run < n && p[i + run] == p[i])
            run++;
        if (run > 40)
            addf(to, "[%lu times] ", (unsigned long)run);
        else
            run = 1;
        escape_one(to, p[i]);
        shown++;
    }
    if (i < n)
        addf(to, " (and %lu bytes more)", (unsigned long)(n - i));
}
