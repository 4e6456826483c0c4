/* who: who of the room is behind a port, as proc(5) tells it: her client has
 * a socket, the socket an inode, and the table of connections the port of it.
 */
#include "strip.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 4096, /* we know no more connections than this, */
    KNOWN_MAX = 256,        /* and so many who have a name */
    NAMES = 4               /* names that are good at a time */
};

static struct connection table[CONNECTIONS_MAX];
static int ntable;
static int server_port;

/* Who was seen behind a port: she may have left since. */
static struct {
    int port;
    char name[32];
} known[KNOWN_MAX];
static int nknown;

/* A port may have been another's before. */
void remember(int port, const char *name)
{
    int i = 0;

    while (i < nknown && i < KNOWN_MAX && known[i].port != port)
        i++;
    if (i == nknown || i == KNOWN_MAX)
        i = nknown++ % KNOWN_MAX;
    known[i].port = port;
    snprintf(known[i].name, sizeof known[i].name, "%.31s", name);
}

const char *who_at(int port)
{
    static char names[NAMES][32];
    static int next;
    char *name = names[next++ % NAMES];

    for (int i = 0; i < nknown && i < KNOWN_MAX; i++)
        if (known[i].port == port)
            return strcpy(name, known[i].name);
    snprintf(name, sizeof *names, "port %d", port);
    return name;
}

static const struct connection *with_inode(unsigned long inode)
{
    for (int i = 0; inode != 0 && i < ntable; i++)
        if (table[i].inode == inode)
            return &table[i];
    return NULL;
}

int is_listener(unsigned long inode)
{
    const struct connection *c = with_inode(inode);

    return c != NULL && c->listens;
}

int port_at(unsigned long inode)
{
    const struct connection *c = with_inode(inode);

    return c != NULL && !c->listens ? c->there : 0;
}

int unaccepted(int n)
{
    for (int i = 0; i < ntable; i++)
        if (table[i].here == server_port && table[i].established
            && table[i].inode == 0 && n-- == 0)
            return table[i].there;
    return 0;
}

/* From which port does that process talk to the server? 0: it does not. */
static int port_of(pid_t pid)
{
    char path[64];
    const struct connection *c;
    struct dirent *d;
    int port = 0;
    DIR *fds;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    fds = opendir(path);
    while (fds != NULL && port == 0 && server_port != 0
           && (d = readdir(fds)) != NULL) {
        c = with_inode(socket_of(pid, atoi(d->d_name)));
        if (c != NULL && c->there == server_port)
            port = c->here;
    }
    if (fds != NULL)
        closedir(fds);
    return port;
}

/* For those who wait until she is there. */
static void note_seen(const char *folder, const char *name)
{
    char path[1200];
    int fd;

    snprintf(path, sizeof path, "%s/.%s", folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

/* Which process a person's client is, as her file says; 0 if there is none. */
static pid_t client_of(const char *folder, const char *name)
{
    char path[1200];
    int pid = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%d", &pid) != 1)
        pid = 0;
    fclose(f);
    return pid;
}

/* Others on this machine may have thousands. */
static int is_ours(const struct connection *c)
{
    if (c->listens || c->here == server_port || c->there == server_port)
        return 1;
    for (int i = 0; i < nknown && i < KNOWN_MAX; i++)
        if (c->there == known[i].port)
            return 1;
    return 0;
}

/* We are in the server's network, and may be asked when its main has ended. */
static void read_table(void)
{
    FILE *f = open_connections(getpid());

    ntable = 0;
    while (f != NULL && ntable < CONNECTIONS_MAX
           && next_connection(f, &table[ntable]))
        ntable += is_ours(&table[ntable]);
    if (f != NULL)
        fclose(f);
}

void look_at_people(const char *folder, int port)
{
    struct dirent *d;
    pid_t pid;
    DIR *dir;
    int from;

    server_port = port;
    read_table();
    dir = opendir(folder);
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        pid = d->d_name[0] == '.' ? 0 : client_of(folder, d->d_name);
        from = pid > 0 ? port_of(pid) : 0;
        if (from > 0) {
            remember(from, d->d_name);
            note_seen(folder, d->d_name);
        }
    }
    if (dir != NULL)
        closedir(dir);
}
