/* hides_its_name: echoes honestly, under a name of two lines, which looks as if
 * somebody else were its parent; and leaves a daemon of that name behind. */
#include "echo.h"
#include <signal.h>
#include <sys/prctl.h>

int main(void)
{
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    prctl(PR_SET_NAME, "a\nb) S 1 1 1");
    if (fork() == 0) {
        setsid();
        for (int i = 0; i < 600; i++)
            sleep(1);
        return 0;
    }
    serve_all(get_ready());
}
