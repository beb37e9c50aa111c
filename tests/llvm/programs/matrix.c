/* Nested loops over floating point and integers, for the loop passes and the vectorisers. */
#include <math.h>
#include <stdio.h>

#define N 24

static double a[N][N], b[N][N], c[N][N];
static int histogram[16];

static void multiply(double scale) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < N; ++j) {
      double sum = 0.0;
      for (int k = 0; k < N; ++k) {
        sum += a[i][k] * b[k][j];
      }
      c[i][j] = sum * scale;
    }
  }
}

static float dot(const float* restrict x, const float* restrict y, int n) {
  float sum = 0.0f;
  for (int i = 0; i < n; ++i) {
    sum += x[i] * y[i];
  }
  return sum;
}

static void add_offset(int* restrict out, const int* restrict in, int n, int flag) {
  for (int i = 0; i < n; ++i) {
    if (flag) {
      out[i] = in[i] + 7;
    } else {
      out[i] = in[i] - (i & 3);
    }
  }
}

int main(void) {
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < N; ++j) {
      a[i][j] = (double)((i * 7 + j * 3) % 11) / 4.0;
      b[i][j] = (double)((i + j * 5) % 13) - 6.0;
    }
  }
  multiply(0.5);
  float x[40], y[40];
  int in[40], out[40];
  for (int i = 0; i < 40; ++i) {
    x[i] = (float)i * 0.25f;
    y[i] = 1.0f / (float)(i + 1);
    in[i] = i * i % 17;
  }
  add_offset(out, in, 40, N & 1);
  for (int i = 0; i < 40; ++i) {
    ++histogram[out[i] & 15];
  }
  double trace = 0.0;
  for (int i = 0; i < N; ++i) {
    trace += sqrt(fabs(c[i][i]));
  }
  printf("%.6f %.4f %d %d\n", trace, (double)dot(x, y, 40), histogram[3], histogram[8]);
  return 0;
}
