/* includes_itself: see includes_itself.c. */
#include "includes_itself.h"
