/* no_end_of_source: never stops to be read. */
#include "/dev/zero"
