/* immortal: echoes honestly, ignores every signal that it can, and leaves a
 * child behind that does so, too, in a session of its own. */
#include "echo.h"
#include <signal.h>

int main(void)
{
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    if (fork() == 0) {
        setsid();
        for (;;)
            pause();
    }
    serve_all(get_ready());
}
