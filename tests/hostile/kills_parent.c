/* kills_parent: ends whoever started it. */
#include "echo.h"
#include <signal.h>

int main(void)
{
    kill(getppid(), SIGKILL);
    return 0;
}
