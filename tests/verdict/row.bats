#!/usr/bin/env bats
# row: the one test in which tests/run --row plays a student's row.

load language.bash
load verdict/row.bash

@test "your row" {
    play_row
}
