/* ends_when_ready: says that it listens, and dies of a null pointer. */
#include "echo.h"

int main(void)
{
    int *volatile nowhere = NULL;

    get_ready();
    *nowhere = 1;
    return 0;
}
