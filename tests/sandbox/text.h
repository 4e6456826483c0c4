/*
 * text: what a stranger wrote, made fit to be read.
 */
#ifndef TEXT_H
#define TEXT_H
#include <stddef.h>
#include <stdio.h>

/* Prints n bytes so that they are valid UTF-8 and steer no terminal: a control
 * character (but newline and tab), a mark that turns the direction of writing,
 * and a byte that is no UTF-8 come out as \xHH, byte by byte. */
void text_print(FILE *to, const char *p, size_t n);

#endif
