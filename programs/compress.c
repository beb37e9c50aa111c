// Compresses a text: back-references (LZ77), then a canonical Huffman code; and gets it back.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  kInput = 12000,
  kBuffer = 2 * kInput,
  kWindow = 2048,
  kMinMatch = 4,
  kMaxMatch = 35,
  kHashSize = 1024,
  kSymbols = 256,
  kMaxBits = 24
};

typedef struct {
  uint8_t* bytes;
  size_t size;
  uint32_t pending;
  int pending_bits;
} BitWriter;

typedef struct {
  const uint8_t* bytes;
  size_t size;
  size_t position;  // in bits
} BitReader;

typedef struct {
  int length[kSymbols];
  uint32_t code[kSymbols];
} Code;

static void put_bits(BitWriter* out, uint32_t value, int count) {
  while (count-- > 0) {
    out->pending = (out->pending << 1) | ((value >> count) & 1);
    if (++out->pending_bits == 8) {
      out->bytes[out->size++] = (uint8_t)out->pending;
      out->pending_bits = 0;
    }
  }
}

static void flush_bits(BitWriter* out) {
  if (out->pending_bits > 0) put_bits(out, 0, 8 - out->pending_bits);
}

static int get_bit(BitReader* in) {
  size_t byte = in->position >> 3;
  if (byte >= in->size) return -1;
  int bit = (in->bytes[byte] >> (7 - (in->position & 7))) & 1;
  ++in->position;
  return bit;
}

static uint32_t hash_four(const uint8_t* bytes) {
  uint32_t value;
  memcpy(&value, bytes, sizeof value);
  return (value * 2654435761u) >> 22;
}

static int match_length(const uint8_t* a, const uint8_t* b, int limit) {
  int length = 0;
  while (length < limit && a[length] == b[length]) ++length;
  return length;
}

// Literals as `0 count-1 bytes...`, matches as `length-3 distance-low distance-high`.
static size_t pack(const uint8_t* in, int size, uint8_t* out) {
  int newest[kHashSize], older[kWindow];
  int at = 0, literals_from = 0;
  size_t written = 0;
  for (int i = 0; i < kHashSize; ++i) newest[i] = -1;
  while (at < size) {
    int best = 0, distance = 0;
    int can_match = at + kMinMatch <= size;
    if (can_match) {
      int limit = size - at < kMaxMatch ? size - at : kMaxMatch;
      int candidate = newest[hash_four(in + at)];
      for (int tries = 0; tries < 8 && candidate >= 0 && at - candidate < kWindow; ++tries) {
        int length = match_length(in + candidate, in + at, limit);
        if (length > best) {
          best = length;
          distance = at - candidate;
        }
        candidate = older[candidate % kWindow];
      }
    }
    int taken = best >= kMinMatch ? best : 1;
    int literals = at - literals_from + (taken == 1);
    if (literals > 0 && (taken > 1 || literals == 256 || at + 1 == size)) {
      out[written++] = 0;
      out[written++] = (uint8_t)(literals - 1);
      memcpy(out + written, in + literals_from, (size_t)literals);
      written += (size_t)literals;
      literals_from = at + 1;
    }
    if (taken > 1) {
      out[written++] = (uint8_t)(best - kMinMatch + 1);
      out[written++] = (uint8_t)distance;
      out[written++] = (uint8_t)(distance >> 8);
      literals_from = at + taken;
    }
    for (int end = at + taken; at < end; ++at) {
      if (at + kMinMatch > size) continue;
      uint32_t slot = hash_four(in + at);
      older[at % kWindow] = newest[slot];
      newest[slot] = at;
    }
  }
  return written;
}

static size_t unpack(const uint8_t* in, size_t size, uint8_t* out) {
  size_t written = 0;
  for (size_t at = 0; at < size;) {
    int control = in[at++];
    if (control == 0) {
      size_t literals = (size_t)in[at++] + 1;
      memcpy(out + written, in + at, literals);
      written += literals;
      at += literals;
    } else {
      size_t distance = (size_t)in[at] | ((size_t)in[at + 1] << 8);
      at += 2;
      // Byte by byte: a match may overlap what it produces.
      for (int left = control + kMinMatch - 1; left > 0; --left, ++written) {
        out[written] = out[written - distance];
      }
    }
  }
  return written;
}

// Huffman's lengths by repeated merging of the two rarest trees.
static void choose_lengths(const uint8_t* bytes, size_t size, Code* code) {
  int weight[2 * kSymbols] = {0}, parent[2 * kSymbols] = {0};
  int nodes = kSymbols;
  for (size_t i = 0; i < size; ++i) ++weight[bytes[i]];
  for (;;) {
    int rarest = -1, second = -1;
    for (int node = 0; node < nodes; ++node) {
      if (weight[node] == 0 || parent[node] != 0) continue;
      if (rarest < 0 || weight[node] < weight[rarest]) {
        second = rarest;
        rarest = node;
      } else if (second < 0 || weight[node] < weight[second]) {
        second = node;
      }
    }
    if (second < 0) break;
    weight[nodes] = weight[rarest] + weight[second];
    parent[rarest] = parent[second] = nodes++;
  }
  for (int symbol = 0; symbol < kSymbols; ++symbol) {
    code->length[symbol] = 0;
    for (int node = symbol; parent[node] != 0; node = parent[node]) ++code->length[symbol];
  }
}

// Canonical: codes count up within a length, shorter before longer.
static void assign_codes(Code* code) {
  uint32_t next = 0;
  for (int length = 1; length <= kMaxBits; ++length) {
    next <<= 1;
    for (int symbol = 0; symbol < kSymbols; ++symbol) {
      if (code->length[symbol] == length) code->code[symbol] = next++;
    }
  }
}

static int decode_symbol(BitReader* in, const Code* code) {
  uint32_t seen = 0;
  for (int length = 1; length <= kMaxBits; ++length) {
    int bit = get_bit(in);
    if (bit < 0) return -1;
    seen = (seen << 1) | (uint32_t)bit;
    for (int symbol = 0; symbol < kSymbols; ++symbol) {
      if (code->length[symbol] == length && code->code[symbol] == seen) return symbol;
    }
  }
  return -1;
}

static void write_input(uint8_t* input) {
  static const char* const kPhrases[] = {"the compiler ", "a session ",      "applies an action ",
                                         "and observes ", "the benchmark; ", "then again "};
  uint32_t state = 7;
  for (int at = 0; at < kInput;) {
    state = state * 22695477u + 1u;
    const char* phrase = kPhrases[(state >> 24) % 6];
    while (*phrase != '\0' && at < kInput) input[at++] = (uint8_t)*phrase++;
    if (at < kInput && (state >> 16) % 5 == 0) input[at++] = (uint8_t)('0' + (state >> 8) % 75);
  }
}

int main(void) {
  static uint8_t input[kInput], packed[kBuffer], coded[kBuffer], decoded[kBuffer], output[kBuffer];
  static Code code;
  write_input(input);
  size_t packed_size = pack(input, kInput, packed);
  choose_lengths(packed, packed_size, &code);
  assign_codes(&code);
  BitWriter writer = {.bytes = coded};
  for (size_t i = 0; i < packed_size; ++i) {
    put_bits(&writer, code.code[packed[i]], code.length[packed[i]]);
  }
  flush_bits(&writer);

  BitReader reader = {.bytes = coded, .size = writer.size};
  for (size_t i = 0; i < packed_size; ++i) {
    int symbol = decode_symbol(&reader, &code);
    if (symbol < 0) {
      puts("the code ended early");
      return EXIT_FAILURE;
    }
    decoded[i] = (uint8_t)symbol;
  }
  size_t size = unpack(decoded, packed_size, output);
  if (size != kInput || memcmp(input, output, kInput) != 0) {
    puts("not what was compressed");
    return EXIT_FAILURE;
  }
  uint32_t sum = 1;
  for (size_t i = 0; i < writer.size; ++i) sum = sum * 65599u + coded[i];
  printf("compress %d %zu %zu %08x\n", kInput, packed_size, writer.size, sum);
  return EXIT_SUCCESS;
}
