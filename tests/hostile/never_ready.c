/* never_ready: neither starts nor ends. */
#include <unistd.h>

int main(void)
{
    for (;;)
        pause();
}
