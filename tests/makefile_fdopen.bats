#!/usr/bin/env bats
# makefile_fdopen: a line is a line, however it arrives.

load language.bash

@test "a line comes back followed by ###" {
    the server starts
    alice joins
    alice says 'hello\n'
    alice hears exactly 'hello\n###'
}

@test "a line that arrives in pieces is answered once" {
    the server starts
    alice joins
    alice says slowly 'byte by byte\n'
    alice hears 'byte by byte\n'
    alice says 'and whole\n'
    alice hears 'and whole\n'
}

@test "two lines in one packet get two answers" {
    the server starts
    alice joins
    alice says 'one\ntwo\n'
    alice hears 'one\n'
    alice hears 'two\n'
}

@test "an empty line is a line" {
    the server starts
    alice joins
    alice says '\n'
    alice hears '\n'
}

@test "a line of a megabyte comes back whole" {
    the server starts
    alice joins
    alice says 0123456789abcdef 65536 times
    alice says '\n'
    alice hears first 0123456789abcdef 65536 times
    alice hears '\n'
}

@test "a last line without a newline is answered at end of input" {
    the server starts
    alice joins
    alice says 'the end'
    alice half closes
    alice hears 'the end'
    alice sees the end
}
