#define RUNG 6
