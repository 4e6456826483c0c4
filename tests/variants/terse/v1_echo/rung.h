static const enum style head_style = PREFIXED;
enum { ROOM = 0, LINES = 0, QUIT = 0, TOP = FOREVER };
