#define RUNG 5
