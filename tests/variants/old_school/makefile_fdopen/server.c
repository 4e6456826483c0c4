/* Lines by stdio, a character at a time: fgetc() into a buffer of our own
 * that grows, and a stream for each direction. */
#define _POSIX_C_SOURCE 200809L
#include "door.h"
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct line {
    char *text;
    size_t length, size;
};

static void append(struct line *l, int c)
{
    if (l->length == l->size) {
        l->size = 2 * l->size + 80;
        l->text = realloc(l->text, l->size);
        if (l->text == NULL) {
            perror("server");
            exit(1);
        }
    }
    l->text[l->length++] = (char)c;
}

/* Reads up to '\n' or the end; 0 if there was nothing. */
static size_t read_line(FILE *from, struct line *l)
{
    int c;

    l->length = 0;
    do {
        c = fgetc(from);
        if (c != EOF)
            append(l, c);
    } while (c != EOF && c != '\n');
    return l->length;
}

static void answer_lines(int fd)
{
    struct line l = {NULL, 0, 0};
    FILE *in = fdopen(fd, "rb"), *out = fdopen(dup(fd), "wb");

    if (in == NULL || out == NULL) {
        perror("server: fdopen");
        exit(1);
    }
    setvbuf(out, NULL, _IOFBF, 1 << 16);
    while (read_line(in, &l) > 0) {
        for (size_t i = 0; i < l.length; i++)
            fputc(l.text[i], out);
        fputs("###", out);
        if (fflush(out) != 0)
            break;
    }
    free(l.text);
    fclose(in);
    fclose(out);
}

int main(int argc, char *argv[])
{
    int door = start(argc, argv);

    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        char name[NAME_MAX_LEN];
        int fd = accept(door, (struct sockaddr *)&from, &size);

        if (fd == -1) {
            say("main", "accept: ", strerror(errno));
            continue;
        }
        endpoint(name, &from);
        say("main", name, " joined");
        answer_lines(fd);
        say("main", name, " left");
    }
}
