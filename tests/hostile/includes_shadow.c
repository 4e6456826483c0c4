/* includes_shadow: has the compiler read a file that only root may read. */
#include "/etc/shadow"
