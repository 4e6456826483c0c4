/* text: what a stranger wrote, made fit to be read. */
#include "text.h"

/* The character that begins at p, of at most n bytes, as RFC 3629 has it; its
 * length goes to *len. -1 if there is none. */
static long decode(const unsigned char *p, size_t n, size_t *len)
{
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    long c = p[0];

    *len = c < 0x80 ? 1 : c < 0xc0 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (*len == 0 || c > 0xf4 || *len > n)
        return -1;
    if (*len > 1)
        c &= 0x7f >> *len;
    for (size_t i = 1; i < *len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return -1;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[*len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -1;
    return c;
}

/* Control characters (C0, C1), and those of Unicode that break a line, turn the
 * direction of writing, or are not seen. */
static int steers(long c)
{
    return (c < 32 && c != '\n' && c != '\t') || (c >= 127 && c < 160)
           || c == 0x061c || (c >= 0x200b && c <= 0x200f)
           || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f)
           || c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || c >= 0xe0000
           || (c & 0xfffe) == 0xfffe;
}

void text_print(FILE *to, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t i = 0, len;

    while (i < n) {
        long c = decode(p + i, n - i, &len);

        if (c < 0 || steers(c)) {
            len = c < 0 ? 1 : len;
            for (size_t k = 0; k < len; k++)
                fprintf(to, "\\x%02x", p[i + k]);
        } else {
            fwrite(p + i, 1, len, to);
        }
        i += len;
    }
}
