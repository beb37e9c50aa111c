// Four sorting algorithms put the same records in the same order; the checksum covers every one.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRecords = 6000, kSmallRun = 16 };

typedef struct {
  uint32_t key;
  uint32_t position;  // in the input: makes keys unique, so that every correct sort agrees
} Record;

typedef int (*Compare)(const Record*, const Record*);

static uint32_t random_state = 2463534242u;

static uint32_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state;
}

static int by_key(const Record* a, const Record* b) {
  if (a->key != b->key) return a->key < b->key ? -1 : 1;
  return (a->position > b->position) - (a->position < b->position);
}

static int by_key_descending(const Record* a, const Record* b) {
  return by_key(b, a);
}

static void swap_records(Record* a, Record* b) {
  Record kept = *a;
  *a = *b;
  *b = kept;
}

static void insertion_sort(Record* records, int count, Compare compare) {
  for (int i = 1; i < count; ++i) {
    Record moving = records[i];
    int j = i;
    while (j > 0 && compare(&moving, &records[j - 1]) < 0) {
      records[j] = records[j - 1];
      --j;
    }
    records[j] = moving;
  }
}

static Record median_of_three(const Record* records, int count, Compare compare) {
  Record low = records[0], middle = records[count / 2], high = records[count - 1];
  if (compare(&middle, &low) < 0) swap_records(&middle, &low);
  if (compare(&high, &middle) < 0) swap_records(&high, &middle);
  if (compare(&middle, &low) < 0) swap_records(&middle, &low);
  return middle;
}

static void quick_sort(Record* records, int count, Compare compare) {
  while (count > kSmallRun) {
    Record pivot = median_of_three(records, count, compare);
    int left = 0, right = count - 1;
    while (left <= right) {
      while (compare(&records[left], &pivot) < 0) ++left;
      while (compare(&records[right], &pivot) > 0) --right;
      if (left <= right) swap_records(&records[left++], &records[right--]);
    }
    // The smaller part by recursion, the larger by the loop: the stack stays logarithmic.
    if (right + 1 < count - left) {
      quick_sort(records, right + 1, compare);
      records += left;
      count -= left;
    } else {
      quick_sort(records + left, count - left, compare);
      count = right + 1;
    }
  }
  insertion_sort(records, count, compare);
}

static void sift_down(Record* heap, int root, int count, Compare compare) {
  for (int child = 2 * root + 1; child < count; child = 2 * root + 1) {
    if (child + 1 < count && compare(&heap[child], &heap[child + 1]) < 0) ++child;
    if (compare(&heap[root], &heap[child]) >= 0) return;
    swap_records(&heap[root], &heap[child]);
    root = child;
  }
}

static void heap_sort(Record* records, int count, Compare compare) {
  for (int root = count / 2 - 1; root >= 0; --root) sift_down(records, root, count, compare);
  for (int last = count - 1; last > 0; --last) {
    swap_records(&records[0], &records[last]);
    sift_down(records, 0, last, compare);
  }
}

static void merge_sort(Record* records, int count, Compare compare) {
  static Record scratch[kRecords];
  for (int width = 1; width < count; width *= 2) {
    for (int start = 0; start < count; start += 2 * width) {
      int middle = start + width < count ? start + width : count;
      int end = start + 2 * width < count ? start + 2 * width : count;
      int left = start, right = middle;
      for (int out = start; out < end; ++out) {
        int take_left =
            left < middle && (right >= end || compare(&records[left], &records[right]) <= 0);
        scratch[out] = take_left ? records[left++] : records[right++];
      }
    }
    memcpy(records, scratch, (size_t)count * sizeof *records);
  }
}

// Least significant byte first; stable, so it needs no comparison of positions.
static void radix_sort(Record* records, int count) {
  static Record scratch[kRecords];
  for (int shift = 0; shift < 32; shift += 8) {
    int starts[257] = {0};
    for (int i = 0; i < count; ++i) ++starts[((records[i].key >> shift) & 255) + 1];
    for (int digit = 0; digit < 256; ++digit) starts[digit + 1] += starts[digit];
    for (int i = 0; i < count; ++i) {
      scratch[starts[(records[i].key >> shift) & 255]++] = records[i];
    }
    memcpy(records, scratch, (size_t)count * sizeof *records);
  }
}

static void reverse(Record* records, int count) {
  for (int i = 0; i < count / 2; ++i) swap_records(&records[i], &records[count - 1 - i]);
}

static int is_sorted(const Record* records, int count, Compare compare) {
  for (int i = 1; i < count; ++i) {
    if (compare(&records[i - 1], &records[i]) >= 0) return 0;
  }
  return 1;
}

static uint32_t checksum(const Record* records, int count) {
  uint32_t sum = 2166136261u;
  for (int i = 0; i < count; ++i) {
    sum = (sum ^ records[i].key) * 16777619u;
    sum = (sum ^ records[i].position) * 16777619u;
  }
  return sum;
}

// The index of the first record whose key is not below `key`.
static int lower_bound(const Record* records, int count, uint32_t key) {
  int low = 0, high = count;
  while (low < high) {
    int middle = low + (high - low) / 2;
    if (records[middle].key < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

int main(void) {
  static Record input[kRecords], quick[kRecords], heap[kRecords], merge[kRecords], radix[kRecords];
  for (int i = 0; i < kRecords; ++i) {
    input[i].key = next_random() % (kRecords / 2);
    input[i].position = (uint32_t)i;
  }
  memcpy(quick, input, sizeof input);
  memcpy(heap, input, sizeof input);
  memcpy(merge, input, sizeof input);
  memcpy(radix, input, sizeof input);

  quick_sort(quick, kRecords, by_key);
  heap_sort(heap, kRecords, by_key_descending);
  reverse(heap, kRecords);
  merge_sort(merge, kRecords, by_key);
  radix_sort(radix, kRecords);
  if (!is_sorted(quick, kRecords, by_key) || !is_sorted(heap, kRecords, by_key) ||
      !is_sorted(merge, kRecords, by_key) || !is_sorted(radix, kRecords, by_key)) {
    puts("not sorted");
    return EXIT_FAILURE;
  }
  int ranks = 0;
  for (uint32_t key = 0; key < kRecords / 2; key += 7) ranks += lower_bound(merge, kRecords, key);
  printf("sort %08x %08x %08x %08x %d\n", checksum(quick, kRecords), checksum(heap, kRecords),
         checksum(merge, kRecords), checksum(radix, kRecords), ranks);
  return EXIT_SUCCESS;
}
