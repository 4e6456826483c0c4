/* one_stream_both_ways: one FILE * cannot both read and write a socket. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Reads a line, answers it, reads the next; returns whether all arrived. */
static int converse(FILE *in, FILE *out, int peer)
{
    char one[16] = "", two[16] = "", heard[16] = "";
    int flushed;

    if (fgets(one, sizeof one, in) == NULL)
        return 0;
    fputs("ok\n", out);
    flushed = fflush(out);
    printf("  fflush() returns %d%s%s\n", flushed, flushed == 0 ? "" : ": ",
           flushed == 0 ? "" : strerror(errno));
    shutdown(fileno(out), SHUT_WR);
    recv(peer, heard, sizeof heard - 1, 0);
    printf("  the server reads %.3s, ", one);
    printf("then %s; ", fgets(two, sizeof two, in) ? "two" : "nothing");
    printf("the client reads %s\n", *heard ? "ok" : "nothing");
    return strcmp(one, "one\n") == 0 && strcmp(two, "two\n") == 0
           && strcmp(heard, "ok\n") == 0;
}

/* Returns the server's end; *peer has sent two lines, and that is all. */
static int client_sent_two_lines(int *peer)
{
    int fd[2];

    socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
    send(fd[1], "one\ntwo\n", 8, 0);
    shutdown(fd[1], SHUT_WR);
    *peer = fd[1];
    return fd[0];
}

int main(void)
{
    int peer, one_works, two_work, seek, why;
    int fd = client_sent_two_lines(&peer);
    FILE *both = fdopen(fd, "r+");

    alarm(10); /* ends a hang */
    seek = fseek(both, 0, SEEK_CUR);
    why = errno;
    printf("one stream, fdopen(fd, \"r+\"):\n  fseek() returns %d: %s\n", seek,
           strerror(why));
    one_works = converse(both, both, peer);

    fd = client_sent_two_lines(&peer);
    printf("two streams, fdopen(fd, \"r\") and fdopen(dup(fd), \"w\"):\n");
    two_work = converse(fdopen(fd, "r"), fdopen(dup(fd), "w"), peer);
    if (one_works) /* Luck: the standard promises nothing. */
        return 77;
    return seek < 0 && why == ESPIPE && two_work ? 0 : 1;
}
