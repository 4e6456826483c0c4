/* kills_group_early: ends its process group before main() has begun. */
#include "echo.h"
#include <signal.h>

__attribute__((constructor)) static void early(void)
{
    kill(0, SIGKILL);
}

int main(void)
{
    serve_all(get_ready());
}
