// C++: virtual calls, exceptions, templates, static initialisation.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
  virtual std::string name() const { return "shape"; }
};

struct Square final : Shape {
  explicit Square(double side) : side(side) {
    if (side < 0) {
      throw std::invalid_argument("negative side");
    }
  }
  double area() const override { return side * side; }
  std::string name() const override { return "square"; }
  double side;
};

template <int Sides>
struct Polygon final : Shape {
  explicit Polygon(double width) : width(width) {}
  double area() const override { return width * Sides / 2.0; }
  double width;
};

struct Counter {
  Counter() { ++made; }
  ~Counter() { ++destroyed; }
  static int made, destroyed;
};
int Counter::made = 0;
int Counter::destroyed = 0;
Counter global_counter;

double total(const std::vector<std::unique_ptr<Shape>>& shapes) {
  Counter counter;
  double sum = 0;
  for (const auto& shape : shapes) {
    if (shape->area() > 100) {
      throw std::out_of_range(shape->name());
    }
    sum += shape->area();
  }
  return sum;
}

}  // namespace

int main() {
  std::vector<std::unique_ptr<Shape>> shapes;
  double sum = 0;
  for (int i = -1; i < 12; ++i) {
    try {
      shapes.push_back(std::make_unique<Square>(i));
      if (i % 3 == 0) {
        shapes.push_back(std::make_unique<Polygon<5>>(i));
      }
      sum += total(shapes);
    } catch (const std::invalid_argument& error) {
      std::printf("%s\n", error.what());
    } catch (const std::out_of_range& error) {
      std::printf("too large: %s\n", error.what());
      break;
    }
  }
  std::printf("%.1f %d %d\n", sum, Counter::made, Counter::destroyed);
  return 0;
}
