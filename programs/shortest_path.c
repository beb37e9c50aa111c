// Shortest paths on a grid with walls, three ways; then components, a spanning tree and an
// ordering.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kWidth = 40, kHeight = 30, kNodes = kWidth * kHeight, kMaxEdges = 4 * kNodes, kSmall = 60 };

static const int kFar = INT_MAX / 2;

typedef struct {
  int from, to, cost;
} Edge;

typedef struct {
  Edge edges[kMaxEdges];
  int edge_count;
  int first[kNodes + 1];  // edges of node n are those from first[n] up to first[n + 1]
} Graph;

typedef struct {
  int node[kMaxEdges + 1];
  int priority[kMaxEdges + 1];
  int size;
} Heap;

static int terrain(int x, int y) {
  unsigned mixed = (unsigned)(x * 7349 + y * 9151) * 2654435761u;
  int height = (int)(mixed >> 28);
  return height > 11 ? -1 : height + 1;  // -1 is a wall
}

static void build(Graph* graph) {
  static const int kSteps[4][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};
  graph->edge_count = 0;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      int node = y * kWidth + x;
      graph->first[node] = graph->edge_count;
      for (int step = 0; step < 4 && terrain(x, y) > 0; ++step) {
        int to_x = x + kSteps[step][0], to_y = y + kSteps[step][1];
        if (to_x < 0 || to_x >= kWidth || to_y < 0 || to_y >= kHeight) continue;
        if (terrain(to_x, to_y) < 0) continue;
        graph->edges[graph->edge_count++] =
            (Edge){node, to_y * kWidth + to_x, terrain(x, y) + terrain(to_x, to_y)};
      }
    }
  }
  graph->first[kNodes] = graph->edge_count;
}

static void heap_push(Heap* heap, int node, int priority) {
  int hole = ++heap->size;
  for (; hole > 1 && heap->priority[hole / 2] > priority; hole /= 2) {
    heap->node[hole] = heap->node[hole / 2];
    heap->priority[hole] = heap->priority[hole / 2];
  }
  heap->node[hole] = node;
  heap->priority[hole] = priority;
}

static int heap_pop(Heap* heap) {
  int top = heap->node[1];
  int node = heap->node[heap->size], priority = heap->priority[heap->size];
  --heap->size;
  int hole = 1;
  for (int child = 2; child <= heap->size; child = 2 * hole) {
    if (child < heap->size && heap->priority[child + 1] < heap->priority[child]) ++child;
    if (heap->priority[child] >= priority) break;
    heap->node[hole] = heap->node[child];
    heap->priority[hole] = heap->priority[child];
    hole = child;
  }
  heap->node[hole] = node;
  heap->priority[hole] = priority;
  return top;
}

// Dijkstra; towards a `goal` it is A*, with a bound that is never too high. Returns nodes settled.
static int by_heap(const Graph* graph, int start, int goal, int distance[kNodes]) {
  static Heap heap;
  static char settled[kNodes];
  int count = 0;
  memset(settled, 0, sizeof settled);
  for (int node = 0; node < kNodes; ++node) distance[node] = kFar;
  distance[start] = 0;
  heap.size = 0;
  heap_push(&heap, start, 0);
  while (heap.size > 0) {
    int node = heap_pop(&heap);
    if (settled[node]) continue;
    settled[node] = 1;
    ++count;
    if (node == goal) return count;
    for (int e = graph->first[node]; e < graph->first[node + 1]; ++e) {
      const Edge* edge = &graph->edges[e];
      int through = distance[node] + edge->cost;
      if (through >= distance[edge->to]) continue;
      distance[edge->to] = through;
      int bound = 0;
      if (goal >= 0) {
        bound = abs(edge->to % kWidth - goal % kWidth) + abs(edge->to / kWidth - goal / kWidth);
      }
      heap_push(&heap, edge->to, through + 2 * bound);
    }
  }
  return count;
}

// Bellman, Ford: relaxes every edge until nothing changes. Returns the number of rounds.
static int by_rounds(const Graph* graph, int start, int distance[kNodes]) {
  for (int node = 0; node < kNodes; ++node) distance[node] = kFar;
  distance[start] = 0;
  for (int round = 1;; ++round) {
    int changed = 0;
    for (int e = 0; e < graph->edge_count; ++e) {
      const Edge* edge = &graph->edges[e];
      if (distance[edge->from] + edge->cost < distance[edge->to]) {
        distance[edge->to] = distance[edge->from] + edge->cost;
        changed = 1;
      }
    }
    if (!changed) return round;
  }
}

// Floyd, Warshall, among the first kSmall nodes. Returns the sum of all finite distances.
static long all_pairs(const Graph* graph) {
  static int table[kSmall][kSmall];
  for (int a = 0; a < kSmall; ++a) {
    for (int b = 0; b < kSmall; ++b) table[a][b] = a == b ? 0 : kFar;
  }
  for (int e = 0; e < graph->edge_count; ++e) {
    const Edge* edge = &graph->edges[e];
    if (edge->from < kSmall && edge->to < kSmall) table[edge->from][edge->to] = edge->cost;
  }
  long sum = 0;
  for (int k = 0; k < kSmall; ++k) {
    for (int a = 0; a < kSmall; ++a) {
      for (int b = 0; b < kSmall; ++b) {
        if (table[a][k] + table[k][b] < table[a][b]) table[a][b] = table[a][k] + table[k][b];
      }
    }
  }
  for (int a = 0; a < kSmall; ++a) {
    for (int b = 0; b < kSmall; ++b) sum += table[a][b] < kFar ? table[a][b] : 0;
  }
  return sum;
}

static int find_root(int parent[], int node) {
  while (parent[node] != node) node = parent[node] = parent[parent[node]];
  return node;
}

static int by_cost(const void* a, const void* b) {
  const Edge *left = a, *right = b;
  if (left->cost != right->cost) return left->cost - right->cost;
  return left->from != right->from ? left->from - right->from : left->to - right->to;
}

// Kruskal. Returns the cost of the forest; `*trees` counts components, walls included.
static long spanning_forest(const Graph* graph, int* trees) {
  static Edge sorted[kMaxEdges];
  static int parent[kNodes];
  long cost = 0;
  memcpy(sorted, graph->edges, (size_t)graph->edge_count * sizeof *sorted);
  qsort(sorted, (size_t)graph->edge_count, sizeof *sorted, by_cost);
  for (int node = 0; node < kNodes; ++node) parent[node] = node;
  *trees = kNodes;
  for (int e = 0; e < graph->edge_count; ++e) {
    int a = find_root(parent, sorted[e].from), b = find_root(parent, sorted[e].to);
    if (a == b) continue;
    parent[a] = b;
    cost += sorted[e].cost;
    --*trees;
  }
  return cost;
}

int main(void) {
  static Graph graph;
  static int by_heap_distance[kNodes], by_rounds_distance[kNodes], goal_distance[kNodes];
  build(&graph);
  int start = 0;
  while (terrain(start % kWidth, start / kWidth) < 0) ++start;
  int settled = by_heap(&graph, start, -1, by_heap_distance);
  int rounds = by_rounds(&graph, start, by_rounds_distance);
  if (memcmp(by_heap_distance, by_rounds_distance, sizeof by_heap_distance) != 0) {
    puts("distances differ");
    return EXIT_FAILURE;
  }
  int goal = kNodes - 1, expanded = 0;
  while (by_heap_distance[goal] >= kFar) --goal;
  expanded = by_heap(&graph, start, goal, goal_distance);
  if (goal_distance[goal] != by_heap_distance[goal]) {
    puts("the guided search took a detour");
    return EXIT_FAILURE;
  }
  int trees = 0;
  long forest = spanning_forest(&graph, &trees);
  printf("shortest_path %d %d %d %d %s %ld %ld %d\n", graph.edge_count, settled, rounds,
         by_heap_distance[goal], expanded <= settled ? "guided" : "misguided", all_pairs(&graph),
         forest, trees);
  return EXIT_SUCCESS;
}
