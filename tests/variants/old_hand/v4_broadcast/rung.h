#define RUNG 4
