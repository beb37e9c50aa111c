/* Recursion, structs, pointers to functions. */
#include <stdio.h>
#include <stdlib.h>

struct record {
  int key;
  char name[12];
};

typedef int (*comparison)(const struct record*, const struct record*);

static int by_key(const struct record* a, const struct record* b) {
  return (a->key > b->key) - (a->key < b->key);
}

static int by_name(const struct record* a, const struct record* b) {
  for (int i = 0; i < 12; ++i) {
    if (a->name[i] != b->name[i]) {
      return a->name[i] < b->name[i] ? -1 : 1;
    }
  }
  return 0;
}

static void sort(struct record* records, int count, comparison compare) {
  if (count < 2) {
    return;
  }
  struct record pivot = records[count / 2];
  int low = 0, high = count - 1;
  while (low <= high) {
    while (compare(&records[low], &pivot) < 0) ++low;
    while (compare(&records[high], &pivot) > 0) --high;
    if (low <= high) {
      struct record swapped = records[low];
      records[low++] = records[high];
      records[high--] = swapped;
    }
  }
  sort(records, high + 1, compare);
  sort(records + low, count - low, compare);
}

int main(void) {
  struct record records[64];
  unsigned state = 12345;
  for (int i = 0; i < 64; ++i) {
    state = state * 1103515245u + 12345u;
    records[i].key = (int)(state >> 16) % 100;
    for (int j = 0; j < 12; ++j) {
      records[i].name[j] = (char)('a' + (records[i].key * (j + 3) + i) % 26);
    }
  }
  sort(records, 64, by_key);
  int sum = 0;
  for (int i = 1; i < 64; ++i) {
    sum += records[i - 1].key <= records[i].key ? i * records[i].key : -1000000;
  }
  sort(records, 64, by_name);
  printf("%d %.12s\n", sum, records[7].name);
  return 0;
}
