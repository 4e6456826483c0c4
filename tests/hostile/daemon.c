/* daemon: goes on in the background, in a session of its own, and serves. */
#include "echo.h"
#include <signal.h>

int main(void)
{
    if (fork() > 0)
        return 0;
    setsid();
    if (fork() > 0)
        return 0;
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    serve_all(get_ready());
}
