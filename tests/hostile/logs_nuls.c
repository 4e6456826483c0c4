/* logs_nuls: echoes honestly, and writes zero bytes into its log. */
#include "echo.h"

int main(void)
{
    if (write(2, "a\0b\n\0", 5) < 0)
        return 1;
    serve_all(get_ready());
}
