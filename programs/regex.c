// A regular expression engine: parser to nondeterministic automaton, simulation, cached automaton.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kMaxStates = 64, kMaxSets = 128, kAlphabet = 128, kUnknown = -1, kNoSet = -2 };

typedef enum { kCharacter, kAny, kClass, kSplit, kMatch } StateKind;

typedef struct {
  StateKind kind;
  char character;
  uint64_t members[2];  // of a class, one bit per character
  int next[2];
} State;

// A piece of automaton: where it begins, and the one exit (state * 2 + which) left open.
typedef struct {
  int begin;
  int exit;
} Fragment;

typedef struct {
  State states[kMaxStates];
  int state_count;
  int begin;
  const char* text;  // of the expression, what is left to parse
  int broken;
  uint64_t sets[kMaxSets];  // of states, one bit each: the states of the deterministic automaton
  int set_count;
  int transition[kMaxSets][kAlphabet];
  long cache_hits, cache_misses;
} Regex;

static Fragment parse_alternatives(Regex* regex);

static int add_state(Regex* regex, StateKind kind, char character) {
  if (regex->state_count == kMaxStates) {
    regex->broken = 1;
    return 0;
  }
  State* state = &regex->states[regex->state_count];
  memset(state, 0, sizeof *state);
  state->kind = kind;
  state->character = character;
  state->next[0] = state->next[1] = kUnknown;
  return regex->state_count++;
}

static void connect(Regex* regex, int exit, int to) {
  regex->states[exit / 2].next[exit % 2] = to;
}

static void add_member(State* state, int character) {
  state->members[character / 64] |= (uint64_t)1 << (character % 64);
}

static Fragment broken(Regex* regex) {
  regex->broken = 1;
  return (Fragment){0, 0};
}

static Fragment parse_class(Regex* regex) {
  int index = add_state(regex, kClass, 0);
  State* state = &regex->states[index];
  while (*regex->text != ']' && *regex->text != '\0') {
    int low = *regex->text++, high = low;
    if (regex->text[0] == '-' && regex->text[1] != ']' && regex->text[1] != '\0') {
      high = regex->text[1];
      regex->text += 2;
    }
    for (int character = low; character <= high; ++character) add_member(state, character);
  }
  if (*regex->text == '\0') return broken(regex);
  ++regex->text;
  return (Fragment){index, index * 2};
}

static Fragment parse_atom(Regex* regex) {
  char c = *regex->text;
  if (c == '\0' || strchr("*+?|)", c) != NULL) return broken(regex);
  ++regex->text;
  if (c == '(') {
    Fragment inside = parse_alternatives(regex);
    if (*regex->text != ')') return broken(regex);
    ++regex->text;
    return inside;
  }
  if (c == '[') return parse_class(regex);
  int state = add_state(regex, c == '.' ? kAny : kCharacter, c);
  return (Fragment){state, state * 2};
}

static Fragment parse_repeat(Regex* regex) {
  Fragment piece = parse_atom(regex);
  while (!regex->broken && *regex->text != '\0' && strchr("*+?", *regex->text) != NULL) {
    char operation = *regex->text++;
    int split = add_state(regex, kSplit, 0);
    connect(regex, split * 2, piece.begin);
    if (operation == '?') {
      int join = add_state(regex, kSplit, 0);
      connect(regex, piece.exit, join);
      connect(regex, split * 2 + 1, join);
      piece = (Fragment){split, join * 2};
    } else {
      connect(regex, piece.exit, split);
      piece = (Fragment){operation == '*' ? split : piece.begin, split * 2 + 1};
    }
  }
  return piece;
}

static Fragment parse_sequence(Regex* regex) {
  Fragment sequence = parse_repeat(regex);
  while (!regex->broken && *regex->text != '\0' && *regex->text != '|' && *regex->text != ')') {
    Fragment next = parse_repeat(regex);
    connect(regex, sequence.exit, next.begin);
    sequence.exit = next.exit;
  }
  return sequence;
}

static Fragment parse_alternatives(Regex* regex) {
  Fragment left = parse_sequence(regex);
  while (!regex->broken && *regex->text == '|') {
    ++regex->text;
    Fragment right = parse_sequence(regex);
    int split = add_state(regex, kSplit, 0), join = add_state(regex, kSplit, 0);
    connect(regex, split * 2, left.begin);
    connect(regex, split * 2 + 1, right.begin);
    connect(regex, left.exit, join);
    connect(regex, right.exit, join);
    left = (Fragment){split, join * 2};
  }
  return left;
}

static void add_closure(const Regex* regex, int state, uint64_t* set) {
  if (state < 0 || (*set >> state) & 1) return;
  *set |= (uint64_t)1 << state;
  if (regex->states[state].kind != kSplit) return;
  add_closure(regex, regex->states[state].next[0], set);
  add_closure(regex, regex->states[state].next[1], set);
}

static int accepts(const State* state, int c) {
  switch (state->kind) {
    case kCharacter:
      return state->character == c;
    case kAny:
      return 1;
    case kClass:
      return (int)((state->members[c / 64] >> (c % 64)) & 1);
    default:
      return 0;
  }
}

static uint64_t step_set(const Regex* regex, uint64_t set, int c) {
  uint64_t next = 0;
  for (int state = 0; state < regex->state_count; ++state) {
    if (((set >> state) & 1) && accepts(&regex->states[state], c)) {
      add_closure(regex, regex->states[state].next[0], &next);
    }
  }
  return next;
}

static int intern_set(Regex* regex, uint64_t set) {
  for (int i = 0; i < regex->set_count; ++i) {
    if (regex->sets[i] == set) return i;
  }
  if (regex->set_count == kMaxSets) return kNoSet;
  for (int c = 0; c < kAlphabet; ++c) regex->transition[regex->set_count][c] = kUnknown;
  regex->sets[regex->set_count] = set;
  return regex->set_count++;
}

static int compile(Regex* regex, const char* expression) {
  memset(regex, 0, sizeof *regex);
  regex->text = expression;
  Fragment whole = parse_alternatives(regex);
  int match = add_state(regex, kMatch, 0);
  if (regex->broken || *regex->text != '\0') return 0;
  connect(regex, whole.exit, match);
  uint64_t begin = 0;
  add_closure(regex, whole.begin, &begin);
  regex->begin = intern_set(regex, begin);
  return 1;
}

static int is_match(const Regex* regex, uint64_t set) {
  return (int)((set >> (regex->state_count - 1)) & 1);  // the match state was added last
}

static int match_slowly(const Regex* regex, const char* text) {
  uint64_t set = regex->sets[regex->begin];
  for (; *text != '\0'; ++text) set = step_set(regex, set, *text & (kAlphabet - 1));
  return is_match(regex, set);
}

// The same by a deterministic automaton that is built as far as texts need it.
static int match_quickly(Regex* regex, const char* text) {
  int at = regex->begin;
  for (const char* c = text; *c != '\0'; ++c) {
    int* next = &regex->transition[at][*c & (kAlphabet - 1)];
    if (*next == kUnknown) {
      ++regex->cache_misses;
      *next = intern_set(regex, step_set(regex, regex->sets[at], *c & (kAlphabet - 1)));
      if (*next == kNoSet) return match_slowly(regex, text);
    } else {
      ++regex->cache_hits;
    }
    at = *next;
  }
  return is_match(regex, regex->sets[at]);
}

int main(void) {
  static const char* const kExpressions[] = {
      "(a|b)*abb", "[a-c]+x?", "a.c|b.*", "((ab)+|c)*", "(a*)*b", "x(y|z)*[a-b]", "(", "a|*", "[ab",
  };
  static Regex regex;
  unsigned sum = 5381;
  int broken = 0;
  long hits = 0, misses = 0;
  for (size_t e = 0; e < sizeof kExpressions / sizeof *kExpressions; ++e) {
    if (!compile(&regex, kExpressions[e])) {
      ++broken;
      continue;
    }
    for (unsigned number = 0; number < 4096; ++number) {
      char text[8] = {0};
      for (unsigned i = 0, rest = number; i < 6; ++i, rest /= 4) text[i] = "abcx"[rest % 4];
      text[1 + number % 6] = '\0';
      int matched = match_quickly(&regex, text);
      if (matched != match_slowly(&regex, text)) {
        printf("automata differ: %s on %s\n", kExpressions[e], text);
        return EXIT_FAILURE;
      }
      sum = sum * 33 + (unsigned)matched;
    }
    hits += regex.cache_hits;
    misses += regex.cache_misses;
  }
  printf("regex %08x %d broken %ld hits %ld misses\n", sum, broken, hits, misses);
  return EXIT_SUCCESS;
}
