/* tells_its_user: echoes honestly, if it runs as the one user that is left. */
#include "echo.h"
#include "user.h" /* the test's: #define USER, a number */

int main(void)
{
    if (getuid() != USER) {
        fprintf(stderr, "it runs as %d, not as %d\n", (int)getuid(), USER);
        return 1;
    }
    serve_all(get_ready());
}
