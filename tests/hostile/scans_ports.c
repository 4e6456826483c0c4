/* scans_ports: echoes honestly, if nobody on this machine answers it. */
#include "echo.h"

/* A socket may be given the port it calls, and then it calls itself. */
static int calls_itself(int fd, int port)
{
    struct sockaddr_in me;
    socklen_t len = sizeof me;

    getsockname(fd, (struct sockaddr *)&me, &len);
    return ntohs(me.sin_port) == port;
}

static int answers(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), reached;

    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    reached = connect(fd, (struct sockaddr *)&to, sizeof to) == 0
              && !calls_itself(fd, port);
    close(fd);
    return reached;
}

int main(void)
{
    int found = 0;

    for (int port = 1; port < 65536; port++)
        if (answers(port)) {
            fprintf(stderr, "TAKEN: port %d answers\n", port);
            found++;
        }
    if (found > 0)
        return 1;
    serve_all(get_ready());
}
