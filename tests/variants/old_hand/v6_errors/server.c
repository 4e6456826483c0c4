/* select(), a table by descriptor, write(): as it was done in 1990. */
#define _DEFAULT_SOURCE /* gethostbyname(), hstrerror() */
#include "rung.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NUSERS FD_SETSIZE
#define BUFSIZE 1024

struct user {
    char *addr; /* NULL: no such user */
    int going;
};

static struct user user[NUSERS];
static fd_set all;
static int nusers, maxfd, lsock, running = 1;
static char *progname;

static int loguser(const char *addr, const char *did)
{
    time_t t = time(NULL);
    char when[64], line[128];

    strftime(when, sizeof when, "%b %e %H:%M:%S", localtime(&t));
    snprintf(line, sizeof line, "%s %s[%ld]: %s %s\n", when, progname,
             (long)getpid(), addr, did);
    return write(2, line, strlen(line)) < 0;
}

static void complain(const char *what)
{
    char line[256];

    snprintf(line, sizeof line, "%s: %s: %s\n", progname, what,
             strerror(errno));
    if (write(2, line, strlen(line)) < 0)
        exit(1);
}

/* --- users --- */

static void come(void)
{
    struct sockaddr_in sin;
    socklen_t len = sizeof sin;
    char addr[32];
    int fd = accept(lsock, (struct sockaddr *)&sin, &len);

    if (fd < 0) {
        complain("accept");
        if (RUNG >= 6)
            FD_CLR(lsock, &all); /* until somebody goes */
        return;
    }
    if (fd >= NUSERS) {
        close(fd);
        return;
    }
    sprintf(addr, "%s:%u", inet_ntoa(sin.sin_addr), ntohs(sin.sin_port));
    user[fd].addr = strdup(addr);
    user[fd].going = user[fd].addr == NULL;
    nusers++;
    FD_SET(fd, &all);
    maxfd = fd > maxfd ? fd : maxfd;
    loguser(addr, "joined");
}

static void go(int fd)
{
    FD_CLR(fd, &all);
    close(fd);
    FD_SET(lsock, &all);
    nusers--;
    if (user[fd].addr != NULL)
        loguser(user[fd].addr, "left");
    free(user[fd].addr);
    user[fd].addr = NULL;
    user[fd].going = 0;
}

/* Who is gone is seen to later: this may be in the middle of the table. */
static void say(int fd, const char *p, int n)
{
    int w;

    while (n > 0) {
        w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0) {
            user[fd].going = 1;
            return;
        }
        p += w;
        n -= w;
    }
}

static void sayall(int from, const char *text, int n)
{
    char buf[BUFSIZE + 80];
    time_t t = time(NULL);
    int len, fd;

    len = strftime(buf, 40, "[%Y-%m-%d %H:%M:%S] ", localtime(&t));
    len += sprintf(buf + len, "%s ", user[from].addr);
    memcpy(buf + len, text, n);
    if (RUNG < 4) {
        say(from, buf, len + n);
        return;
    }
    for (fd = 0; fd <= maxfd; fd++)
        if (user[fd].addr != NULL)
            say(fd, buf, len + n);
}

static int isquit(const char *p, int n)
{
    static const char *word[] = {"quit", "quit\n", "quit\r\n"};
    int i;

    for (i = 0; RUNG >= 5 && i < 3; i++)
        if (n == (int)strlen(word[i]) && memcmp(p, word[i], n) == 0)
            return 1;
    return 0;
}

static void hear(int fd)
{
    char buf[BUFSIZE];
    int n = read(fd, buf, sizeof buf);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0 || isquit(buf, n))
        user[fd].going = 1;
    else
        sayall(fd, buf, n);
}

/* --- the operator --- */

static void command(const char *line)
{
    int fd;

    if (strcmp(line, "quit") == 0) {
        running = 0;
        return;
    }
    if (RUNG >= 4)
        printf("%4d connected\n", nusers);
    for (fd = 0; RUNG >= 4 && fd <= maxfd; fd++)
        if (user[fd].addr != NULL)
            printf("  %s\n", user[fd].addr);
    printf("%4d thread, no more are needed\n", 1);
}

static void prompt(void)
{
    if (isatty(0))
        printf(">>> ");
    fflush(stdout);
}

/* stdin is read with read(), for stdio would hide lines from select(). */
static void operator(void)
{
    static char line[BUFSIZE];
    static int len;
    int n = read(0, line + len, 1);

    if (n < 0 && errno == EINTR)
        return;
    if (n <= 0)
        FD_CLR(0, &all);
    else if (line[len] != '\n' && ++len < BUFSIZE - 1)
        return;
    if (len > 0 && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    if (n > 0 || len > 0)
        command(line);
    len = 0;
    prompt();
}

/* --- */

static int serve(void)
{
    fd_set ready;
    int fd;

    FD_SET(0, &all);
    FD_SET(lsock, &all);
    maxfd = lsock;
    prompt();
    while (running) {
        ready = all;
        if (select(maxfd + 1, &ready, NULL, NULL, NULL) < 0)
            continue;
        if (FD_ISSET(0, &ready))
            operator();
        for (fd = 1; fd <= maxfd; fd++)
            if (FD_ISSET(fd, &ready) && user[fd].addr != NULL)
                hear(fd);
        for (fd = 1; fd <= maxfd; fd++)
            if (user[fd].going)
                go(fd);
        if (FD_ISSET(lsock, &ready))
            come();
    }
    loguser("-", "stopping");
    for (fd = 1; fd <= maxfd; fd++)
        if (user[fd].addr != NULL)
            go(fd);
    close(lsock);
    return 0;
}

static int usage(FILE *f, int status)
{
    fprintf(f, "Usage:\t%s\n\t%s port\n\t%s host port\n\t%s -h\n", progname,
            progname, progname, progname);
    return status;
}

static int bad(const char *host, const char *port, const char *why)
{
    fprintf(stderr, "%s: cannot listen on %s, port %s: %s\n", progname, host,
            port, why);
    return 1;
}

int main(int argc, char *argv[])
{
    char *host = argc > 2 ? argv[1] : "localhost";
    char *port = argc > 1 ? argv[argc - 1] : "9999";
    struct sockaddr_in sin = {0};
    struct hostent *hp;
    socklen_t len = sizeof sin;
    int on = 1, n;

    progname = argv[0];
    if (argc == 2 && strcmp(argv[1], "-h") == 0)
        return usage(stdout, 0);
    if (argc > 3 || (argc > 1 && argv[1][0] == '-'))
        return usage(stderr, 2);
    n = strlen(port) > 5 ? 0 : atoi(port);
    if (*port == '\0' || port[strspn(port, "0123456789")] != '\0'
        || strlen(port) > 5 || n > 65535)
        return bad(host, port, "bad port");
    hp = gethostbyname(host);
    if (hp == NULL)
        return bad(host, port, hstrerror(h_errno));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(n);
    memcpy(&sin.sin_addr, hp->h_addr_list[0], sizeof sin.sin_addr);
    signal(SIGPIPE, SIG_IGN);
    lsock = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(lsock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(lsock, (struct sockaddr *)&sin, sizeof sin) < 0
        || listen(lsock, SOMAXCONN) < 0)
        return bad(host, port, strerror(errno));
    getsockname(lsock, (struct sockaddr *)&sin, &len);
    fprintf(stderr, "%s: listening on %s:%u\n", progname,
            inet_ntoa(sin.sin_addr), ntohs(sin.sin_port));
    return serve();
}
