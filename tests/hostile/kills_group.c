/* kills_group: ends its process group, and whoever may be in it. */
#include "echo.h"
#include <signal.h>

int main(void)
{
    get_ready();
    kill(0, SIGKILL);
    return 0;
}
