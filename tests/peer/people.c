/* people: who there is in a test, and how they connect, send and hang up. */
#include "peer.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One more person, who stays until the end, and is not connected. */
struct peer *new_peer(const char *name)
{
    struct peer *p = stage.npeers < MAX_PEERS ? calloc(1, sizeof *p) : NULL;

    if (p == NULL) {
        fprintf(stderr, "peer: no room for more than %d people\n",
                stage.npeers);
        exit(1);
    }
    snprintf(p->name, sizeof p->name, "%s", name);
    p->fd = -1;
    p->server = &stage.server;
    stage.peers[stage.npeers++] = p;
    return p;
}

/* The person of this name, who comes to be when first asked for. */
struct peer *find(const char *name)
{
    for (int i = 0; i < stage.npeers; i++)
        if (strcmp(stage.peers[i]->name, name) == 0)
            return stage.peers[i];
    return new_peer(name);
}

/* Is this the name of one who can be in a test? */
int is_person(const char *name)
{
    static const char *const cast[] = {"alice", "bob", "carol", "dave", "host"};

    for (size_t i = 0; i < sizeof cast / sizeof *cast; i++)
        if (strcmp(name, cast[i]) == 0)
            return 1;
    return strncmp(name, "crowd", 5) == 0 && name[5] != '\0'
           && name[5 + strspn(name + 5, "0123456789")] == '\0';
}

/* The person who is connected from that port; NULL if nobody is. */
struct peer *peer_at(int port)
{
    const char *colon;

    for (int i = 0; i < stage.npeers; i++) {
        colon = strrchr(stage.peers[i]->addr, ':');
        if (stage.peers[i]->fd >= 0 && colon != NULL && atoi(colon + 1) == port)
            return stage.peers[i];
    }
    return NULL;
}

/* The person whom an argument names; NULL, after an answer, if there is no such
 * name. */
struct peer *named(const char *name)
{
    if (is_person(name))
        return find(name);
    fail("harness", "nobody in a test is called \"%s\"", name);
    return NULL;
}

/* Makes fd one that never blocks, and is not inherited. */
void nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* From now on p talks over fd, which is hers to close; all before is forgotten.
 */
void new_talk(struct peer *p, int fd)
{
    if (p->fd >= 0)
        close(p->fd);
    forget(&p->heard);
    p->done = 0;
    p->flooded = p->total = 0;
    p->deaf = p->skims = p->leaving = p->ended = p->err = 0;
    p->fd = fd;
    p->since = p->server->err.len;
    nonblocking(fd);
}

static int is_writable(void *arg)
{
    struct pollfd p = {*(int *)arg, POLLOUT, 0};

    return poll(&p, 1, 0) == 1;
}

/* As connect(2), but it gives up at the deadline: ETIMEDOUT. */
static int dial(int fd, struct sockaddr_in *to)
{
    int err = 0;
    socklen_t len = sizeof err;

    nonblocking(fd);
    if (connect(fd, (struct sockaddr *)to, sizeof *to) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -1;
    if (until_every(10, is_writable, &fd))
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
    else
        err = ETIMEDOUT;
    errno = err;
    return err == 0 ? 0 : -1;
}

/* A system may give one port to two who call different servers; then two people
 * of one room would have one address. This takes a port that nobody has. */
static void take_a_port(int fd)
{
    struct sockaddr_in any = {.sin_family = AF_INET};

    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        perror("peer: bind");
}

/* Connects p to ip, with a receive buffer of rcvbuf bytes if that is not 0, and
 * then with small segments, too, or the sender's system buffers megabytes.
 * 0, or -1 with errno set. */
int knock(struct peer *p, const char *ip, int rcvbuf)
{
    struct sockaddr_in to = {.sin_family = AF_INET}, me;
    socklen_t len = sizeof me;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t since = p->server->err.len;
    int saved, on = 1, segment = 536;

    if (fd < 0)
        return -1;
    to.sin_port = htons(p->server->port);
    inet_pton(AF_INET, ip, &to.sin_addr);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (rcvbuf > 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof rcvbuf);
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    if (p->server != &stage.server)
        take_a_port(fd);
    if (dial(fd, &to) < 0) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    new_talk(p, fd);
    p->since = since;
    getsockname(fd, (struct sockaddr *)&me, &len);
    snprintf(p->addr, sizeof p->addr, "%s:%d",
             inet_ntop(AF_INET, &me.sin_addr, (char[INET_ADDRSTRLEN]){0},
                       INET_ADDRSTRLEN),
             ntohs(me.sin_port));
    history(p->name, "knocks\t%s", p->addr);
    return 0;
}

/* Does the server's log say this of her, since she came? */
int logged(const struct peer *p, const char *what)
{
    char words[96];

    snprintf(words, sizeof words, "%s %s", p->addr, what);
    return mentions(&p->server->err, p->since, words);
}

/* For until(): does the log say so? -1: the server has ended. */
int has_joined(void *arg)
{
    const struct peer *p = arg;

    if (logged(p, "joined"))
        return 1;
    return p->server->child.alive ? 0 : -1;
}

/* For until(): the same of her leaving. */
int has_left(void *arg)
{
    const struct peer *p = arg;

    if (logged(p, "left"))
        return 1;
    return p->server->child.alive ? 0 : -1;
}

/* Closes her connection, if she has one. */
void hang_up(struct peer *p)
{
    if (p->fd < 0)
        return;
    history(p->name, "closes");
    close(p->fd);
    p->fd = -1;
}

/* The same, by a reset. */
void reset(struct peer *p)
{
    struct linger hard = {1, 0};

    history(p->name, "resets");
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    hang_up(p);
}

/* Sends, reading for everybody meanwhile; how much went out in time. */
size_t send_some(struct peer *p, const char *buf, size_t n)
{
    long end = now_ms() + stage.deadline_ms;
    size_t sent = 0;
    ssize_t r;

    while (sent < n && p->fd >= 0 && now_ms() < end && !nobody_asks()) {
        r = send_as(p, buf + sent, n - sent);
        if (r > 0) {
            sent += r;
            end = now_ms() + stage.deadline_ms;
        } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            break;
        } else {
            pump(end - now_ms(), 0, p->fd);
        }
        if (p->server->child.pid != 0 && !p->server->child.alive)
            break;
    }
    return sent;
}
