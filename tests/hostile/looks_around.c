/* looks_around: echoes honestly, if it has found nothing of the test's: no
 * descriptor above 2, no variable, and no right to its parent. */
#include "echo.h"
#include <fcntl.h>
#include <signal.h>

extern char **environ;

static int is_ours(const char *e)
{
    return strncmp(e, "KIT_", 4) == 0 || strncmp(e, "BATS_", 5) == 0
           || strncmp(e, "PEER_", 5) == 0;
}

int main(void)
{
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0) {
            fprintf(stderr, "descriptor %d is open\n", fd);
            return 1;
        }
    for (char **e = environ; *e != NULL; e++)
        if (is_ours(*e)) {
            fprintf(stderr, "the environment tells %s\n", *e);
            return 1;
        }
    if (getuid() == 0) {
        fprintf(stderr, "it runs as root\n");
        return 1;
    }
    serve_all(get_ready());
}
