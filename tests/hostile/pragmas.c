/* pragmas: asks the compiler, by its pragmas, for files and for more. */
#pragma GCC dependency "/etc/shadow" see what it says
_Pragma("GCC dependency \"/etc/passwd\"")
    _Pragma("GCC pch_preprocess \"/etc/shadow\"")
        _Pragma("include_alias(\"echo.h\", \"/etc/shadow\")")
#pragma comment(lib, "/etc/shadow")

            int main(void)
{
    return 0;
}
