/* includes_ours: is our own server, which it names by its whole path. */
#include "targets.h"
#include OURS
