/* The bytes both limits answer, and nothing else: a response without its date, and the date that goes into it. */
#include <time.h>
#include <string.h>

static const char RESPONSE[] =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 13\r\n"
    "Date: ___, 00 ___ 0000 00:00:00 GMT\r\n\r\n"
    "Hello, World!";

enum { RESPONSE_LEN = sizeof RESPONSE - 1, DATE_AT = RESPONSE_LEN - 13 - 4 - 29 };

static void digits(char *at, int count, int value) {
    for (at += count; count--; value /= 10)
        *--at = (char)('0' + value % 10);
}

/* IMF-fixdate without the C library, whose gmtime reads the time zone's file first. The calendar is the proleptic
   Gregorian one counted in years that begin in March, so that a leap day is the last of its year. */
static void put_date(char *response, time_t now) {
    static const char names[] = "ThuFriSatSunMonTueWed", months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    long day = now / 86400, second = now % 86400;
    long z = day + 719468, era = z / 146097, of_era = z - era * 146097;
    long year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    long month = (5 * of_year + 2) / 153;
    char *at = response + DATE_AT;
    memcpy(at, names + day % 7 * 3, 3);
    digits(at + 5, 2, (int)(of_year - (153 * month + 2) / 5 + 1));
    memcpy(at + 8, months + month * 3, 3);
    digits(at + 12, 4, (int)(year_of_era + era * 400 + (month >= 10)));
    digits(at + 17, 2, (int)(second / 3600));
    digits(at + 20, 2, (int)(second / 60 % 60));
    digits(at + 23, 2, (int)(second % 60));
}
