/* asks_what_is_there: an oracle; what the compiler can open is told by an error
 * of its own. */
#include "targets.h"
#if __has_include(OURS)
#error "TAKEN: our server can be opened"
#endif
#if __has_include("/etc/shadow") || __has_include("/root/.profile")
#error "TAKEN: what is root's can be opened"
#endif
#include "echo.h"

int main(void)
{
    serve_all(get_ready());
}
