// Dense linear algebra: products in three loop orders, LU decomposition, determinant, a solve.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kSize = 48, kBlock = 8 };

typedef double Matrix[kSize][kSize];

static void fill(Matrix m, unsigned seed) {
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      seed = seed * 1103515245u + 12345u;
      m[row][column] = (double)((seed >> 16) % 19) - 9.0;
    }
    m[row][row] += 100.0;  // well conditioned
  }
}

static void identity(Matrix m) {
  memset(m, 0, sizeof(Matrix));
  for (int i = 0; i < kSize; ++i) m[i][i] = 1.0;
}

static void transpose(Matrix in, Matrix out) {
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) out[column][row] = in[row][column];
  }
}

static void multiply_by_rows(Matrix a, Matrix b, Matrix product) {
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      double sum = 0.0;
      for (int k = 0; k < kSize; ++k) sum += a[row][k] * b[k][column];
      product[row][column] = sum;
    }
  }
}

static void multiply_transposed(Matrix a, Matrix b, Matrix product) {
  static Matrix columns;
  transpose(b, columns);
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      double sum = 0.0;
      for (int k = 0; k < kSize; ++k) sum += a[row][k] * columns[column][k];
      product[row][column] = sum;
    }
  }
}

static void multiply_block(Matrix a, Matrix b, Matrix product, int row, int inner, int column) {
  for (int i = row; i < row + kBlock; ++i) {
    for (int k = inner; k < inner + kBlock; ++k) {
      double factor = a[i][k];
      for (int j = column; j < column + kBlock; ++j) product[i][j] += factor * b[k][j];
    }
  }
}

static void multiply_blocked(Matrix a, Matrix b, Matrix product) {
  memset(product, 0, sizeof(Matrix));
  for (int row = 0; row < kSize; row += kBlock) {
    for (int inner = 0; inner < kSize; inner += kBlock) {
      for (int column = 0; column < kSize; column += kBlock) {
        multiply_block(a, b, product, row, inner, column);
      }
    }
  }
}

static void reduce(Matrix in, double prime, Matrix out) {
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) out[row][column] = fmod(in[row][column], prime);
  }
}

// a to the `exponent`-th power modulo a prime, entry by entry, by repeated squaring.
static void power_modulo(Matrix a, unsigned exponent, double prime, Matrix result) {
  static Matrix base, next;
  memcpy(base, a, sizeof(Matrix));
  identity(result);
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) {
      multiply_by_rows(result, base, next);
      reduce(next, prime, result);
    }
    multiply_by_rows(base, base, next);
    reduce(next, prime, base);
  }
}

// In place, with partial pivoting; `order` is the permutation. Returns its sign, or 0 if singular.
static int decompose(Matrix m, int order[kSize]) {
  int sign = 1;
  for (int i = 0; i < kSize; ++i) order[i] = i;
  for (int step = 0; step < kSize; ++step) {
    int pivot = step;
    for (int row = step + 1; row < kSize; ++row) {
      if (fabs(m[row][step]) > fabs(m[pivot][step])) pivot = row;
    }
    if (m[pivot][step] == 0.0) return 0;
    if (pivot != step) {
      double kept[kSize];
      memcpy(kept, m[pivot], sizeof kept);
      memcpy(m[pivot], m[step], sizeof kept);
      memcpy(m[step], kept, sizeof kept);
      int index = order[pivot];
      order[pivot] = order[step];
      order[step] = index;
      sign = -sign;
    }
    for (int row = step + 1; row < kSize; ++row) {
      double factor = m[row][step] /= m[step][step];
      for (int column = step + 1; column < kSize; ++column) {
        m[row][column] -= factor * m[step][column];
      }
    }
  }
  return sign;
}

static void solve(Matrix lu, const int order[kSize], const double right[kSize], double x[kSize]) {
  for (int row = 0; row < kSize; ++row) {
    x[row] = right[order[row]];
    for (int column = 0; column < row; ++column) x[row] -= lu[row][column] * x[column];
  }
  for (int row = kSize - 1; row >= 0; --row) {
    for (int column = row + 1; column < kSize; ++column) x[row] -= lu[row][column] * x[column];
    x[row] /= lu[row][row];
  }
}

static double largest_difference(Matrix a, Matrix b) {
  double largest = 0.0;
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      largest = fmax(largest, fabs(a[row][column] - b[row][column]));
    }
  }
  return largest;
}

static double trace(Matrix m) {
  double sum = 0.0;
  for (int i = 0; i < kSize; ++i) sum += m[i][i];
  return sum;
}

int main(void) {
  static Matrix a, b, by_rows, transposed, blocked, power, lu;
  fill(a, 1);
  fill(b, 2);
  multiply_by_rows(a, b, by_rows);
  multiply_transposed(a, b, transposed);
  multiply_blocked(a, b, blocked);
  // Entries are small integers, so the three are equal to the last bit.
  if (largest_difference(by_rows, transposed) != 0.0 ||
      largest_difference(by_rows, blocked) != 0.0) {
    puts("products differ");
    return EXIT_FAILURE;
  }
  power_modulo(a, 13, 9973.0, power);

  int order[kSize];
  memcpy(lu, a, sizeof lu);
  double log_determinant = 0.0;
  int sign = decompose(lu, order);
  for (int i = 0; i < kSize; ++i) log_determinant += log(fabs(lu[i][i]));

  double right[kSize], x[kSize], residual = 0.0;
  for (int i = 0; i < kSize; ++i) right[i] = i % 5;
  solve(lu, order, right, x);
  for (int row = 0; row < kSize; ++row) {
    double sum = -right[row];
    for (int column = 0; column < kSize; ++column) sum += a[row][column] * x[column];
    residual = fmax(residual, fabs(sum));
  }
  printf("matrix %.0f %.0f %d %.6f %s\n", trace(by_rows), trace(power), sign, log_determinant,
         residual < 1e-9 ? "solved" : "not solved");
  return residual < 1e-9 ? EXIT_SUCCESS : EXIT_FAILURE;
}
