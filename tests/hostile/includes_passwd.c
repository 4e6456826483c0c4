/* includes_passwd: has the compiler read a file that is none of the language's
 * own, and quote it in its complaint. */
#include "/etc/passwd"
