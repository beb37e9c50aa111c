// A calculator: tokens, a recursive-descent parser, a tree, constant folding, a stack machine.
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { kNumber, kName, kSymbol, kEnd } TokenKind;

typedef struct {
  const char* next;
  TokenKind kind;
  long number;
  char symbol;  // of a name, its letter
} Lexer;

typedef enum { kConstant, kVariable, kNegate, kBinary, kChoose } NodeKind;

typedef struct Node {
  NodeKind kind;
  char operation;
  long value;
  struct Node* operand[3];
} Node;

typedef enum { kPush, kLoad, kApply, kMinus, kSelect } OpCode;

typedef struct {
  OpCode code;
  char operation;
  long value;
} Instruction;

enum { kMaxNodes = 256, kMaxCode = 256, kMaxStack = 64 };

static Node nodes[kMaxNodes];
static int node_count;
static Instruction code[kMaxCode];
static int code_size;
static const char* problem;  // of the expression being worked on, or NULL

static void fail(const char* what) {
  if (problem == NULL) problem = what;
}

static void advance(Lexer* lexer) {
  while (isspace((unsigned char)*lexer->next)) ++lexer->next;
  char c = *lexer->next;
  if (c == '\0') {
    lexer->kind = kEnd;
    lexer->symbol = '\0';
  } else if (isdigit((unsigned char)c)) {
    lexer->kind = kNumber;
    lexer->symbol = '\0';
    lexer->number = 0;
    while (isdigit((unsigned char)*lexer->next)) {
      lexer->number = lexer->number * 10 + (*lexer->next++ - '0');
    }
  } else {
    lexer->kind = islower((unsigned char)c) ? kName : kSymbol;
    lexer->symbol = c;
    ++lexer->next;
  }
}

static Node* new_node(NodeKind kind, char operation, long value) {
  static Node spare;  // keeps a failed parse going until it notices
  if (node_count == kMaxNodes) {
    fail("too long");
    return &spare;
  }
  Node* node = &nodes[node_count++];
  memset(node, 0, sizeof *node);
  node->kind = kind;
  node->operation = operation;
  node->value = value;
  return node;
}

static Node* parse_choice(Lexer* lexer);

static int accept(Lexer* lexer, char symbol) {
  if (lexer->kind != kSymbol || lexer->symbol != symbol) return 0;
  advance(lexer);
  return 1;
}

static Node* parse_primary(Lexer* lexer) {
  Node* node;
  if (lexer->kind == kNumber || lexer->kind == kName) {
    node = new_node(lexer->kind == kNumber ? kConstant : kVariable, lexer->symbol, lexer->number);
    advance(lexer);
  } else if (accept(lexer, '(')) {
    node = parse_choice(lexer);
    if (!accept(lexer, ')')) fail("missing )");
  } else if (accept(lexer, '-')) {
    node = new_node(kNegate, 0, 0);
    node->operand[0] = parse_primary(lexer);
  } else {
    fail("unexpected symbol");
    node = new_node(kConstant, 0, 0);
  }
  return node;
}

// From 1, the loosest, to 5; 0 if it is no operation.
static int precedence(char operation) {
  static const char* const kLevels[] = {"<=", "|", "&", "+-", "*/%"};
  for (int level = 0; level < 5; ++level) {
    if (operation != '\0' && strchr(kLevels[level], operation) != NULL) return level + 1;
  }
  return 0;
}

static Node* parse_binary(Lexer* lexer, int lowest) {
  Node* left = parse_primary(lexer);
  while (lexer->kind == kSymbol && precedence(lexer->symbol) >= lowest) {
    Node* node = new_node(kBinary, lexer->symbol, 0);
    advance(lexer);
    node->operand[0] = left;
    node->operand[1] = parse_binary(lexer, precedence(node->operation) + 1);
    left = node;
  }
  return left;
}

static Node* parse_choice(Lexer* lexer) {
  Node* condition = parse_binary(lexer, 1);
  if (!accept(lexer, '?')) return condition;
  Node* node = new_node(kChoose, 0, 0);
  node->operand[0] = condition;
  node->operand[1] = parse_choice(lexer);
  if (!accept(lexer, ':')) fail("missing :");
  node->operand[2] = parse_choice(lexer);
  return node;
}

static long apply(char operation, long a, long b) {
  uint64_t x = (uint64_t)a, y = (uint64_t)b;  // wraps, where signed numbers must not
  if (operation == '+') return (long)(x + y);
  if (operation == '-') return (long)(x - y);
  if (operation == '*') return (long)(x * y);
  if (operation == '&') return (long)(x & y);
  if (operation == '|') return (long)(x | y);
  if (operation == '<') return a < b;
  if (operation == '=') return a == b;
  if (b == 0) fail("division by zero");
  if (b == 0 || b == -1) return operation == '/' ? (long)(0 - x * (uint64_t)(b != 0)) : 0;
  return operation == '/' ? a / b : a % b;
}

static void fold(Node* node) {
  int constants = 0, operands = 0;
  for (int i = 0; i < 3 && node->operand[i] != NULL; ++i, ++operands) {
    fold(node->operand[i]);
    constants += node->operand[i]->kind == kConstant;
  }
  if (operands == 0 || constants < operands) return;
  long a = node->operand[0]->value;
  if (node->kind == kNegate) {
    node->value = apply('-', 0, a);
  } else if (node->kind == kBinary) {
    node->value = apply(node->operation, a, node->operand[1]->value);
  } else {
    node->value = node->operand[a != 0 ? 1 : 2]->value;
  }
  node->kind = kConstant;
}

static void emit(OpCode op, char operation, long value) {
  if (code_size < kMaxCode) {
    code[code_size++] = (Instruction){op, operation, value};
  } else {
    fail("too long");
  }
}

static void generate(const Node* node) {
  if (node->kind == kConstant) {
    emit(kPush, 0, node->value);
  } else if (node->kind == kVariable) {
    emit(kLoad, node->operation, 0);
  } else {
    for (int i = 0; i < 3 && node->operand[i] != NULL; ++i) generate(node->operand[i]);
    emit(node->kind == kNegate   ? kMinus
         : node->kind == kBinary ? kApply
                                 : kSelect,
         node->operation, 0);
  }
}

static long run(const long variables[26]) {
  long stack[kMaxStack] = {0};
  int top = 0;
  for (int i = 0; i < code_size && problem == NULL; ++i) {
    if (top == kMaxStack - 1) fail("too deep");
    switch (code[i].code) {
      case kPush:
        stack[top++] = code[i].value;
        break;
      case kLoad:
        stack[top++] = variables[code[i].operation - 'a'];
        break;
      case kMinus:
        stack[top - 1] = apply('-', 0, stack[top - 1]);
        break;
      case kApply:
        --top;
        stack[top - 1] = apply(code[i].operation, stack[top - 1], stack[top]);
        break;
      case kSelect:
        top -= 2;
        stack[top - 1] = stack[top - 1] != 0 ? stack[top] : stack[top + 1];
        break;
    }
  }
  return stack[0];
}

static void compile(const char* text) {
  Lexer lexer = {.next = text};
  problem = NULL;
  node_count = 0;
  code_size = 0;
  advance(&lexer);
  Node* tree = parse_choice(&lexer);
  if (lexer.kind != kEnd) fail("text after the end");
  if (problem != NULL) return;
  fold(tree);
  generate(tree);
}

int main(void) {
  static const char* const kExpressions[] = {
      "1 + 2 * 3 - 4 / 2",
      "(a + b) * (a - b) + b * b",
      "x % 7 < 3 ? x * x : -x",
      "((((n))))",
      "a = b ? 1 : a < b ? 2 : 3",
      "x & 255 | y & 3",
      "2 * (3 + 4) * (5 - -6)",
      "n * (n + 1) * (2 * n + 1) / 6",
      "100 / (x - x)",
      "(1 + 2",
      "3 $ 4",
      "7 8",
  };
  unsigned long sum = 0;
  int problems = 0, folded = 0;
  for (size_t e = 0; e < sizeof kExpressions / sizeof *kExpressions; ++e) {
    compile(kExpressions[e]);
    folded += problem == NULL && code_size == 1;
    for (int round = 0; round < 2000 && problem == NULL; ++round) {
      long variables[26];
      for (int v = 0; v < 26; ++v) variables[v] = (v + 1L) * (round % 97 - 48);
      sum = sum * 31 + (unsigned long)run(variables);
    }
    if (problem != NULL) {
      ++problems;
      printf("%-10s %s\n", kExpressions[e], problem);
    }
  }
  printf("calculator %016lx %d problems %d folded\n", sum, problems, folded);
  return EXIT_SUCCESS;
}
