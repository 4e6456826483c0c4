/* includes_itself: includes a header that includes itself, twice. */
#include "includes_itself.h"

int main(void)
{
    return 0;
}
