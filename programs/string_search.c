// Finds patterns in a text in five ways, which must agree; then matches wildcards and edit
// distance.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kTextSize = 20000, kMaxPattern = 32, kMaxLine = 64 };

typedef int (*Search)(const char* text, int length, const char* pattern, int size);

static int search_naive(const char* text, int length, const char* pattern, int size) {
  int found = 0;
  for (int at = 0; at + size <= length; ++at)
    found += memcmp(text + at, pattern, (size_t)size) == 0;
  return found;
}

// Knuth, Morris, Pratt: never looks at a character of the text twice.
static int search_prefixes(const char* text, int length, const char* pattern, int size) {
  int border[kMaxPattern + 1];
  border[0] = -1;
  for (int i = 0, j = -1; i < size;) {
    while (j >= 0 && pattern[i] != pattern[j]) j = border[j];
    border[++i] = ++j;
  }
  int found = 0;
  for (int i = 0, j = 0; i < length; ++i) {
    while (j >= 0 && text[i] != pattern[j]) j = border[j];
    if (++j == size) {
      ++found;
      j = border[j];
    }
  }
  return found;
}

// Horspool: skips by the last character of the window.
static int search_skips(const char* text, int length, const char* pattern, int size) {
  int skip[256];
  for (int c = 0; c < 256; ++c) skip[c] = size;
  for (int i = 0; i + 1 < size; ++i) skip[(unsigned char)pattern[i]] = size - 1 - i;
  int found = 0;
  for (int at = 0; at + size <= length; at += skip[(unsigned char)text[at + size - 1]]) {
    int i = size - 1;
    while (i >= 0 && text[at + i] == pattern[i]) --i;
    found += i < 0;
  }
  return found;
}

// Rabin, Karp: a rolling hash.
static int search_hashes(const char* text, int length, const char* pattern, int size) {
  const uint32_t kBase = 257;
  uint32_t wanted = 0, rolling = 0, highest = 1;
  if (length < size) return 0;
  for (int i = 0; i < size; ++i) {
    wanted = wanted * kBase + (unsigned char)pattern[i];
    rolling = rolling * kBase + (unsigned char)text[i];
    if (i > 0) highest *= kBase;
  }
  int found = 0;
  for (int at = 0;; ++at) {
    if (rolling == wanted) found += memcmp(text + at, pattern, (size_t)size) == 0;
    if (at + size == length) return found;
    rolling -= (unsigned char)text[at] * highest;
    rolling = rolling * kBase + (unsigned char)text[at + size];
  }
}

// Shift-and: one bit of a word per character of the pattern.
static int search_bits(const char* text, int length, const char* pattern, int size) {
  uint32_t where[256] = {0};
  for (int i = 0; i < size; ++i) where[(unsigned char)pattern[i]] |= 1u << i;
  uint32_t state = 0, full = 1u << (size - 1);
  int found = 0;
  for (int i = 0; i < length; ++i) {
    state = ((state << 1) | 1u) & where[(unsigned char)text[i]];
    found += (state & full) != 0;
  }
  return found;
}

// `*` is any run of characters, `?` any one, `[a-f]` one of a range.
static int matches(const char* pattern, const char* text) {
  for (; *pattern != '\0'; ++pattern, ++text) {
    if (*pattern == '*') {
      while (pattern[1] == '*') ++pattern;
      for (;; ++text) {
        if (matches(pattern + 1, text)) return 1;
        if (*text == '\0') return 0;
      }
    }
    if (*text == '\0') return 0;
    if (*pattern == '[') {
      if (*text < pattern[1] || *text > pattern[3]) return 0;
      pattern += 4;
    } else if (*pattern != '?' && *pattern != *text) {
      return 0;
    }
  }
  return *text == '\0';
}

static int least(int a, int b, int c) {
  int smaller = a < b ? a : b;
  return smaller < c ? smaller : c;
}

static int edit_distance(const char* a, const char* b) {
  int row[kMaxLine + 1];
  int width = (int)strlen(b);
  for (int column = 0; column <= width; ++column) row[column] = column;
  for (int line = 1; a[line - 1] != '\0'; ++line) {
    int diagonal = row[0];
    row[0] = line;
    for (int column = 1; column <= width; ++column) {
      int above = row[column];
      int changed = diagonal + (a[line - 1] != b[column - 1]);
      row[column] = least(above + 1, row[column - 1] + 1, changed);
      diagonal = above;
    }
  }
  return row[width];
}

static void write_text(char* text) {
  static const char* const kWords[] = {"tree ",  "branch ", "leaf ",  "root ",   "treetop ",
                                       "beech ", "reed ",   "eerie ", "tretre ", "forest "};
  uint32_t state = 99;
  int length = 0;
  while (length < kTextSize) {
    state = state * 69069u + 1u;
    const char* word = kWords[(state >> 20) % (sizeof kWords / sizeof *kWords)];
    while (*word != '\0' && length < kTextSize) text[length++] = *word++;
  }
  text[length] = '\0';
}

int main(void) {
  static const Search kSearches[] = {search_naive, search_prefixes, search_skips, search_hashes,
                                     search_bits};
  static const char* const kPatterns[] = {"tree", "ee",     "tretre tretre", "leaf root",
                                          "e",    "absent", "reed eerie",    "tree tree tree"};
  static const char* const kWildcards[] = {"*ee*", "[a-f]*h", "t?ee*", "*r*o*t*", "????", "*"};
  static char text[kTextSize + 1];
  write_text(text);

  uint32_t sum = 17;
  for (size_t p = 0; p < sizeof kPatterns / sizeof *kPatterns; ++p) {
    int size = (int)strlen(kPatterns[p]);
    int expected = search_naive(text, kTextSize, kPatterns[p], size);
    for (size_t s = 0; s < sizeof kSearches / sizeof *kSearches; ++s) {
      if (kSearches[s](text, kTextSize, kPatterns[p], size) != expected) {
        printf("search %zu differs for '%s'\n", s, kPatterns[p]);
        return EXIT_FAILURE;
      }
    }
    sum = sum * 31 + (uint32_t)expected;
  }

  int matched = 0, distance = 0;
  char previous[kMaxLine] = "";
  for (char* word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
    for (size_t w = 0; w < sizeof kWildcards / sizeof *kWildcards; ++w) {
      matched += matches(kWildcards[w], word);
    }
    distance += edit_distance(previous, word);
    strcpy(previous, word);
  }
  printf("string_search %08x %d %d\n", sum, matched, distance);
  return EXIT_SUCCESS;
}
