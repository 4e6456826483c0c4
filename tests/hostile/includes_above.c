/* includes_above: finds a solution some folders above itself. */
#include "../../../v1_echo/server.c"
