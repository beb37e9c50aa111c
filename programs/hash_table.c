// A hash table of words, with open addressing, growth and deletion, under three hash functions.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxWord = 12, kWords = 4000 };

typedef uint32_t (*Hash)(const char*, size_t);

typedef enum { kFree, kTaken, kDeleted } SlotState;

typedef struct {
  char word[kMaxWord];
  uint32_t hash;
  int count;
  SlotState state;
} Slot;

typedef struct {
  Slot* slots;
  size_t capacity;  // a power of two
  size_t taken;     // slots that are not free, the deleted ones included
  size_t live;
  unsigned long probes;
  Hash hash;
} Table;

static uint32_t fnv1a(const char* bytes, size_t length) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < length; ++i) hash = (hash ^ (uint8_t)bytes[i]) * 16777619u;
  return hash;
}

static uint32_t rotate_left(uint32_t value, int by) {
  return (value << by) | (value >> (32 - by));
}

// Four bytes at a time, with a final avalanche.
static uint32_t mix_words(const char* bytes, size_t length) {
  uint32_t hash = 0x9747b28cu ^ (uint32_t)length;
  size_t i = 0;
  for (; i + 4 <= length; i += 4) {
    uint32_t block;
    memcpy(&block, bytes + i, sizeof block);
    hash ^= rotate_left(block * 0xcc9e2d51u, 15) * 0x1b873593u;
    hash = rotate_left(hash, 13) * 5 + 0xe6546b64u;
  }
  for (; i < length; ++i) hash = rotate_left(hash ^ (uint8_t)bytes[i], 7) * 0x85ebca6bu;
  hash ^= hash >> 16;
  hash *= 0xc2b2ae35u;
  return hash ^ (hash >> 13);
}

static uint32_t crc32(const char* bytes, size_t length) {
  static uint32_t table[256];
  if (table[1] == 0) {
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t remainder = byte;
      for (int bit = 0; bit < 8; ++bit) {
        remainder = (remainder >> 1) ^ ((remainder & 1) ? 0xedb88320u : 0);
      }
      table[byte] = remainder;
    }
  }
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; ++i) crc = table[(crc ^ (uint8_t)bytes[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

static void* checked_calloc(size_t count, size_t size) {
  void* memory = calloc(count, size);
  if (memory == NULL) {
    fputs("out of memory\n", stderr);
    exit(EXIT_FAILURE);
  }
  return memory;
}

static void table_init(Table* table, Hash hash) {
  memset(table, 0, sizeof *table);
  table->capacity = 8;
  table->slots = checked_calloc(table->capacity, sizeof *table->slots);
  table->hash = hash;
}

// The slot of `word`, or the one to put it into: the first deleted slot on the way, or a free one.
static Slot* table_find(Table* table, const char* word, uint32_t hash) {
  Slot* reusable = NULL;
  size_t mask = table->capacity - 1;
  size_t index = hash & mask;
  for (size_t step = 1;; ++step) {
    Slot* slot = &table->slots[index];
    ++table->probes;
    if (slot->state == kFree) return reusable != NULL ? reusable : slot;
    if (slot->state == kDeleted) {
      if (reusable == NULL) reusable = slot;
    } else if (slot->hash == hash && strcmp(slot->word, word) == 0) {
      return slot;
    }
    index = (index + step) & mask;  // triangular numbers visit every slot of a power of two
  }
}

static void table_grow(Table* table) {
  Slot* old_slots = table->slots;
  size_t old_capacity = table->capacity;
  table->capacity = table->live * 4 > old_capacity ? old_capacity * 2 : old_capacity;
  table->slots = checked_calloc(table->capacity, sizeof *table->slots);
  table->taken = table->live;
  for (size_t i = 0; i < old_capacity; ++i) {
    if (old_slots[i].state == kTaken) {
      *table_find(table, old_slots[i].word, old_slots[i].hash) = old_slots[i];
    }
  }
  free(old_slots);
}

static void table_add(Table* table, const char* word) {
  if ((table->taken + 1) * 4 > table->capacity * 3) table_grow(table);
  uint32_t hash = table->hash(word, strlen(word));
  Slot* slot = table_find(table, word, hash);
  if (slot->state != kTaken) {
    if (slot->state == kFree) ++table->taken;
    strcpy(slot->word, word);
    slot->hash = hash;
    slot->count = 0;
    slot->state = kTaken;
    ++table->live;
  }
  ++slot->count;
}

static int table_remove(Table* table, const char* word) {
  Slot* slot = table_find(table, word, table->hash(word, strlen(word)));
  if (slot->state != kTaken) return 0;
  slot->state = kDeleted;
  --table->live;
  return slot->count;
}

// Words of two to five syllables; low numbers come up often, as in a language.
static void make_word(uint32_t number, char* word) {
  static const char* const kSyllables[] = {"ba", "ke", "lo", "mi", "nu", "ra", "si", "to"};
  size_t length = 0;
  do {
    memcpy(word + length, kSyllables[number & 7], 2);
    length += 2;
    number >>= 3;
  } while (number != 0 && length + 2 < kMaxWord);
  word[length] = '\0';
}

static uint32_t exercise(const char* name, Hash hash) {
  Table table;
  table_init(&table, hash);
  uint32_t state = 12345;
  char word[kMaxWord];
  for (int i = 0; i < kWords; ++i) {
    state = state * 1664525u + 1013904223u;
    make_word((state >> 16) % (1u << (3 + i % 10)), word);
    table_add(&table, word);
  }
  int removed = 0;
  for (uint32_t number = 0; number < 512; number += 3) {
    make_word(number, word);
    removed += table_remove(&table, word);
  }
  uint32_t sum = 0;
  for (size_t i = 0; i < table.capacity; ++i) {
    const Slot* slot = &table.slots[i];
    if (slot->state == kTaken) sum += fnv1a(slot->word, strlen(slot->word)) * (uint32_t)slot->count;
  }
  printf("%s live %zu removed %d probes %lu\n", name, table.live, removed, table.probes);
  free(table.slots);
  return sum;
}

int main(void) {
  uint32_t by_fnv = exercise("fnv1a", fnv1a);
  uint32_t by_mix = exercise("mix", mix_words);
  uint32_t by_crc = exercise("crc32", crc32);
  printf("hash_table %08x %s\n", by_fnv,
         by_fnv == by_mix && by_mix == by_crc ? "agreed" : "differ");
  return by_fnv == by_mix && by_mix == by_crc ? EXIT_SUCCESS : EXIT_FAILURE;
}
