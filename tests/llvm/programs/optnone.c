// Functions that are to be left alone beside one that calls them and is not.
__attribute__((optnone, noinline)) int sum_plainly(const int* values, int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) {
    total += values[i];
  }
  return total;
}

__attribute__((optnone, noinline)) static int twice(int x) {
  int result = x;
  result += x;
  return result;
}

int sum_twice(const int* values, int count) {
  int total = 0;
  for (int i = 0; i < count; ++i) {
    total += twice(values[i]);
  }
  return total + sum_plainly(values, count);
}
