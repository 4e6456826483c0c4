/* assembles_passwd: has the assembler read a file, and quote it. */
#ifdef __has_embed
static const char loot[] = {
#embed "/etc/passwd"
};
#endif
__asm__(".include \"/etc/passwd\"");

int main(void)
{
    return 0;
}
