// An interpreter: a small assembler, a register machine, and programs with known results.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRegisters = 16, kMemory = 1024, kMaxCode = 64, kMaxLabels = 16, kMaxSteps = 2000000 };

typedef enum {
  kSet,
  kAdd,
  kSub,
  kMul,
  kMod,
  kLoad,
  kStore,
  kMove,
  kJump,
  kJumpLess,
  kJumpEqual,
  kCall,
  kReturn,
  kHalt,
  kOpCount
} OpCode;

// One letter per operand: r register, n number, l label.
static const struct {
  const char* name;
  const char* operands;
} kOps[kOpCount] = {
    [kSet] = {"set", "rn"},        [kAdd] = {"add", "rrr"},         [kSub] = {"sub", "rrr"},
    [kMul] = {"mul", "rrr"},       [kMod] = {"mod", "rrr"},         [kLoad] = {"load", "rr"},
    [kStore] = {"store", "rr"},    [kMove] = {"move", "rr"},        [kJump] = {"jump", "l"},
    [kJumpLess] = {"less", "rrl"}, [kJumpEqual] = {"equal", "rrl"}, [kCall] = {"call", "l"},
    [kReturn] = {"return", ""},    [kHalt] = {"halt", ""},
};

typedef struct {
  OpCode op;
  int32_t operand[3];
} Instruction;

typedef struct {
  Instruction code[kMaxCode];
  int size;
  struct {
    char name[12];
    int address;  // -1 until its line has been seen
  } labels[kMaxLabels];
  int label_count;
} Program;

typedef struct {
  int32_t registers[kRegisters];
  int32_t memory[kMemory];
  int stack[64];
  int depth;
  int steps;
} Machine;

static int find_label(Program* program, const char* name) {
  for (int i = 0; i < program->label_count; ++i) {
    if (strcmp(program->labels[i].name, name) == 0) return i;
  }
  if (program->label_count == kMaxLabels || strlen(name) >= sizeof program->labels[0].name)
    return -1;
  strcpy(program->labels[program->label_count].name, name);
  program->labels[program->label_count].address = -1;
  return program->label_count++;
}

static int parse_operand(Program* program, char kind, const char* text, int32_t* operand) {
  char* end = NULL;
  if (text == NULL) return 0;
  if (kind == 'l') return (*operand = find_label(program, text)) >= 0;
  if (kind == 'r' && *text++ != 'r') return 0;
  *operand = (int32_t)strtol(text, &end, 10);
  return *end == '\0' && (kind == 'n' || (*operand >= 0 && *operand < kRegisters));
}

// One word at a time: `name:` is a label, anything else an instruction and then its operands.
static int assemble(Program* program, const char* source) {
  static char text[1024];
  memset(program, 0, sizeof *program);
  if (strlen(source) >= sizeof text) return 0;
  strcpy(text, source);
  for (char* word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n")) {
    size_t length = strlen(word);
    if (word[length - 1] == ':') {
      word[length - 1] = '\0';
      int label = find_label(program, word);
      if (label < 0 || program->labels[label].address >= 0) return 0;
      program->labels[label].address = program->size;
      continue;
    }
    int op = 0;
    while (op < kOpCount && strcmp(kOps[op].name, word) != 0) ++op;
    if (op == kOpCount || program->size == kMaxCode) return 0;
    Instruction* instruction = &program->code[program->size++];
    instruction->op = (OpCode)op;
    for (int i = 0; kOps[op].operands[i] != '\0'; ++i) {
      char kind = kOps[op].operands[i];
      if (!parse_operand(program, kind, strtok(NULL, " \n"), &instruction->operand[i])) return 0;
    }
  }
  for (int i = 0; i < program->size; ++i) {
    const char* label = strchr(kOps[program->code[i].op].operands, 'l');
    if (label == NULL) continue;
    int32_t* target = &program->code[i].operand[label - kOps[program->code[i].op].operands];
    *target = program->labels[*target].address;
    if (*target < 0) return 0;
  }
  return 1;
}

// Returns 0 on a fault: running off the end, a bad address, too deep, too long.
static int execute(const Program* program, Machine* machine) {
  int32_t* r = machine->registers;
  int at = 0;
  while (at < program->size && machine->steps++ < kMaxSteps) {
    const Instruction* instruction = &program->code[at++];
    const int32_t* o = instruction->operand;
    switch (instruction->op) {
      case kSet:
        r[o[0]] = o[1];
        break;
      case kAdd:
        r[o[0]] = (int32_t)((uint32_t)r[o[1]] + (uint32_t)r[o[2]]);
        break;
      case kSub:
        r[o[0]] = (int32_t)((uint32_t)r[o[1]] - (uint32_t)r[o[2]]);
        break;
      case kMul:
        r[o[0]] = (int32_t)((uint32_t)r[o[1]] * (uint32_t)r[o[2]]);
        break;
      case kMod:
        if (r[o[2]] <= 0) return 0;
        r[o[0]] = r[o[1]] % r[o[2]];
        break;
      case kLoad:
        if (r[o[1]] < 0 || r[o[1]] >= kMemory) return 0;
        r[o[0]] = machine->memory[r[o[1]]];
        break;
      case kStore:
        if (r[o[1]] < 0 || r[o[1]] >= kMemory) return 0;
        machine->memory[r[o[1]]] = r[o[0]];
        break;
      case kMove:
        r[o[0]] = r[o[1]];
        break;
      case kJump:
        at = o[0];
        break;
      case kJumpLess:
        at = r[o[0]] < r[o[1]] ? o[2] : at;
        break;
      case kJumpEqual:
        at = r[o[0]] == r[o[1]] ? o[2] : at;
        break;
      case kCall:
        if (machine->depth == 64) return 0;
        machine->stack[machine->depth++] = at;
        at = o[0];
        break;
      case kReturn:
        if (machine->depth == 0) return 0;
        at = machine->stack[--machine->depth];
        break;
      case kHalt:
        return 1;
      default:
        return 0;
    }
  }
  return 0;
}

static const struct {
  const char *name, *source;
  int expected;  // in r0 at the end; -1 for a program that must fault or not assemble
} kPrograms[] = {
    {"fibonacci",
     "set r0 0 set r1 1 set r2 1 set r3 40 set r4 0 "
     "loop: add r5 r0 r1 move r0 r1 move r1 r5 add r4 r4 r2 less r4 r3 loop halt",
     102334155},
    {"primes",
     "set r0 0 set r1 2 set r2 1 set r3 1000 set r6 0 "
     "next: load r5 r1 equal r5 r2 skip add r0 r0 r2 mul r7 r1 r1 "
     "mark: less r7 r3 cross jump skip "
     "cross: store r2 r7 add r7 r7 r1 jump mark "
     "skip: add r1 r1 r2 less r1 r3 next halt",
     168},
    {"gcd",
     "set r0 1071000 set r1 462000 set r9 0 call gcd halt "
     "gcd: equal r1 r9 done mod r2 r0 r1 move r0 r1 move r1 r2 call gcd done: return",
     21000},
    {"collatz",
     "set r0 0 set r1 97 set r2 1 set r3 2 set r4 3 set r9 0 set r8 1000 "
     "step: equal r1 r2 done mod r5 r1 r3 equal r5 r9 even mul r1 r1 r4 add r1 r1 r2 "
     "jump count even: set r6 0 set r7 0 "
     "halve: add r7 r7 r3 add r6 r6 r2 less r7 r1 halve move r1 r6 "
     "count: add r0 r0 r2 less r0 r8 step done: halt",
     118},
    {"too deep", "down: call down", -1},
    {"bad address", "set r1 4096 load r0 r1 halt", -1},
    {"off the end", "set r0 1", -1},
    {"for ever", "again: jump again", -1},
    {"no such label", "jump nowhere halt", -1},
    {"no such register", "set r16 1 halt", -1},
};

int main(void) {
  static Program program;
  static Machine machine;
  unsigned long steps = 0;
  uint32_t sum = 1;
  for (size_t p = 0; p < sizeof kPrograms / sizeof *kPrograms; ++p) {
    memset(&machine, 0, sizeof machine);
    int ran = assemble(&program, kPrograms[p].source) && execute(&program, &machine);
    int result = ran ? machine.registers[0] : -1;
    if (result != kPrograms[p].expected) {
      printf("%s: %d, expected %d\n", kPrograms[p].name, result, kPrograms[p].expected);
      return EXIT_FAILURE;
    }
    steps += (unsigned long)machine.steps;
    for (int i = 0; i < kRegisters; ++i) sum = sum * 31u + (uint32_t)machine.registers[i];
  }
  printf("bytecode %08x %lu steps\n", sum, steps);
  return EXIT_SUCCESS;
}
