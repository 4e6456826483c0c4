static const enum style head_style = HASHED;
enum { ROOM = 0, LINES = 1, QUIT = 0, TOP = FOREVER };
