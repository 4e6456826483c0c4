/* huge_array: an array of 2 GB, all of it in the program's file. */
char huge[2000000000] = {1};

int main(void)
{
    return huge[1999999999];
}
