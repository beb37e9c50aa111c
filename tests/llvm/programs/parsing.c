/* Strings, switches, variable arguments, longjmp-free error handling, bit operations. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char* cursor;
static char message[80];
static int failed;

static void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  failed = 1;
}

static int64_t sum(void);

static int64_t factor(void) {
  while (*cursor == ' ') ++cursor;
  if (*cursor == '(') {
    ++cursor;
    int64_t value = sum();
    if (*cursor != ')') {
      fail("expected ) at %s", cursor);
      return 0;
    }
    ++cursor;
    return value;
  }
  int64_t value = 0;
  int digits = 0;
  while (*cursor >= '0' && *cursor <= '9') {
    value = value * 10 + (*cursor++ - '0');
    ++digits;
  }
  if (digits == 0) {
    fail("expected a number, found '%c' after %d", *cursor, (int)value);
  }
  while (*cursor == ' ') ++cursor;
  return value;
}

static int64_t product(void) {
  int64_t value = factor();
  while (!failed) {
    switch (*cursor) {
      case '*':
        ++cursor;
        value *= factor();
        break;
      case '/': {
        ++cursor;
        int64_t divisor = factor();
        value = divisor != 0 ? value / divisor : INT64_MAX;
        break;
      }
      case '%': {
        ++cursor;
        int64_t divisor = factor();
        value = divisor != 0 ? value % divisor : 0;
        break;
      }
      default:
        return value;
    }
  }
  return value;
}

static int64_t sum(void) {
  int64_t value = product();
  while (!failed && (*cursor == '+' || *cursor == '-')) {
    const int minus = *cursor++ == '-';
    const int64_t next = product();
    value = minus ? value - next : value + next;
  }
  return value;
}

static uint32_t hash(const char* text) {
  uint32_t h = 2166136261u;
  for (size_t i = 0, n = strlen(text); i < n; ++i) {
    h = (h ^ (uint8_t)text[i]) * 16777619u;
    h = (h << 5) | (h >> 27);
  }
  return h;
}

int main(void) {
  static const char* const kInputs[] = {"1 + 2 * 3", "(4+5)*(6-7)", "100/7%5", "2*(3+", "x"};
  for (unsigned i = 0; i < sizeof kInputs / sizeof *kInputs; ++i) {
    cursor = kInputs[i];
    failed = 0;
    const int64_t value = sum();
    printf("%s -> %lld %u\n", kInputs[i], failed ? -1LL : (long long)value,
           failed ? hash(message) : hash(kInputs[i]));
  }
  return 0;
}
